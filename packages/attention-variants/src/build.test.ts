import { expect, it } from 'vitest';
import { freezeModifiers, modifiersEsbuildPlugin, modifiersPlugin } from './build.ts';

const module = `import { maskModifier as mask, scoreModifier } from '@headwise/attention-variants';
const W = 4;
export const near = mask(function (b, h, q, k) { return q - k < W ? 1 : 0; }, { W });
export const text = scoreModifier('function (s, b, h, q, k) { return s; }');
export const other = somethingElse(function (x) { return x; });
`;

it('turns functions into text, under whatever name they were imported', () => {
  expect(freezeModifiers(module)).toBe(
    module.replace(
      'function (b, h, q, k) { return q - k < W ? 1 : 0; }',
      '"function (b, h, q, k) { return q - k < W ? 1 : 0; }"',
    ),
  );
});

it('leaves code without modifiers alone', () => {
  const code = 'export const x = (a) => a ?? 1;';
  expect(freezeModifiers(code)).toBe(code);
});

it('fails the build where a modifier leaves the dialect, naming the file', () => {
  const bad = module.replace('{ W })', '{})');
  expect(() => modifiersPlugin().transform(bad, '/project/near.ts')).toThrow(
    '/project/near.ts: modifier 1:40: W comes from outside the modifier',
  );
  const arrow = module.replace(
    'function (b, h, q, k) { return q - k < W ? 1 : 0; }',
    '(b, h, q, k) => (k <= q ? 1 : 0)',
  );
  expect(() => freezeModifiers(arrow)).toThrow('is an arrow function');
});

it('is a plugin of Vite and Rollup, and leaves packages alone', () => {
  const plugin = modifiersPlugin();
  expect(plugin.transform(module, '/project/src/near.ts')?.code).toContain('mask("function');
  expect(plugin.transform(module, '/project/node_modules/near/index.js')).toBeNull();
  expect(plugin.transform(module, '/project/near.css')).toBeNull();
});

it('is a plugin of esbuild, which takes types out first', async () => {
  const loaded: unknown[] = [];
  modifiersEsbuildPlugin(async () => module).setup({
    esbuild: { transform: async (code, { loader }) => ({ code: loader === 'ts' ? code : '' }) },
    onLoad: (_, callback) => loaded.push(callback({ path: '/project/near.ts' })),
  });
  expect(await loaded[0]).toMatchObject({
    loader: 'js',
    contents: expect.stringContaining('mask("function'),
  });
});
