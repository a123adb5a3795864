import { fileURLToPath } from 'node:url';
import { defaultClientConditions, defineConfig } from 'vite';
import { kernelsPlugin } from './kernels-plugin.ts';
import { modelPlugin } from './model-plugin.ts';
import { offlinePlugin } from './offline-plugin.ts';

// without these a page gets no shared memory, and gpu.js one thread
const isolation = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
};

const page = (name: string) => fileURLToPath(new URL(name, import.meta.url));

export default defineConfig({
  base: './',
  plugins: [kernelsPlugin(), modelPlugin(), offlinePlugin()],
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  resolve: { conditions: ['@headwise/source', ...defaultClientConditions] },
  server: { headers: isolation },
  preview: { headers: isolation },
  worker: { format: 'es' },
  build: {
    target: 'es2022',
    // the chart library is one chunk, fetched when there is something to draw
    chunkSizeWarningLimit: 900,
    rolldownOptions: { input: { main: page('index.html'), benchmark: page('benchmark.html') } },
  },
});
