import { defaultClientConditions, defineConfig } from 'vite';
import { kernelsPlugin } from './kernels-plugin.ts';

// without these a page gets no shared memory, and gpu.js one thread
const isolation = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
};

export default defineConfig({
  base: './',
  plugins: [kernelsPlugin()],
  resolve: { conditions: ['@headwise/source', ...defaultClientConditions] },
  server: { headers: isolation },
  preview: { headers: isolation },
  worker: { format: 'es' },
  // the chart library is one chunk, fetched when there is something to draw
  build: { target: 'es2022', chunkSizeWarningLimit: 900 },
});
