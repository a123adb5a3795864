import { readFileSync } from 'node:fs';

/** What the samples of documents import: every package by its name, loaded when it is asked for. */
export const modules: Readonly<Record<string, () => Promise<unknown>>> = {
  '@headwise/attention-variants': () => import('../../packages/attention-variants/src/index.ts'),
  '@headwise/device-wasm': () => import('../../packages/device-wasm/src/index.ts'),
  '@headwise/kv-cache': () => import('../../packages/kv-cache/src/index.ts'),
  '@headwise/models': () => import('../../packages/models/src/index.ts'),
  '@headwise/models/families/llama': () => import('../../packages/models/src/families/llama.ts'),
  '@headwise/positional': () => import('../../packages/positional/src/index.ts'),
  '@headwise/sampling': () => import('../../packages/sampling/src/index.ts'),
  '@headwise/tensor': () => import('../../packages/tensor/src/index.ts'),
  '@headwise/training': () => import('../../packages/training/src/index.ts'),
  'benchmarks/rasp': () => import('../../benchmarks/src/rasp/index.ts'),
};

/** The text of a guide. */
export function guide(name: string): string {
  return readFileSync(new URL(`../../docs/${name}`, import.meta.url), 'utf8');
}
