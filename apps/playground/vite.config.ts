import { defaultClientConditions, defineConfig } from 'vite';
import { kernelsPlugin } from './kernels-plugin.ts';
import { modelPlugin } from './model-plugin.ts';
import { offlinePlugin } from './offline-plugin.ts';
import { sandboxPlugin } from './sandbox-plugin.ts';

// without these a page gets no shared memory, and gpu.js one thread
const isolation = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
};

export default defineConfig({
  base: './',
  plugins: [kernelsPlugin(), modelPlugin(), offlinePlugin(), sandboxPlugin()],
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  resolve: { conditions: ['@headwise/source', ...defaultClientConditions] },
  server: { headers: isolation },
  preview: { headers: isolation },
  worker: { format: 'es' },
  build: {
    target: 'es2022',
    // the chart library and the program of the sandbox are one chunk each, fetched when there is something to draw or to judge
    chunkSizeWarningLimit: 1100,
  },
});
