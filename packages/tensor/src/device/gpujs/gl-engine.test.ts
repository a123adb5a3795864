import { expect, it } from 'vitest';
import { checkTurns, isEmulated } from './gl-engine.ts';
import { copySteps } from './gl-texture.ts';

it.each([
  ['ANGLE (Google, Vulkan 1.3.0 (SwiftShader Device (Subzero) (0x0000C0DE)), SwiftShader driver)', true],
  ['google swiftshader', true],
  ['Mesa/X.org, llvmpipe (LLVM 15.0.6, 256 bits), OpenGL ES 3.2', true],
  ['ANGLE (Microsoft, Microsoft Basic Render Driver Direct3D11)', true],
  ['ANGLE (Apple, ANGLE Metal Renderer: Apple M1, Unspecified Version)', false],
  ['nvidia turing', false],
])('knows whether "%s" is emulated', (renderer, emulated) => {
  expect(isEmulated(renderer)).toBe(emulated);
});

it('copies every number once, to its place, in rectangles of both textures', () => {
  for (const [fromWidth, toWidth, from, to, length] of [
    [8, 8, 0, 0, 64],
    [8, 8, 3, 3, 40],
    [8, 8, 3, 5, 40],
    [23, 64, 7, 190, 500],
    [64, 23, 1, 0, 1],
  ] as const) {
    const seen: number[][] = [];
    for (const step of copySteps(
      { width: toWidth, offset: to },
      { width: fromWidth, offset: from },
      length,
    )) {
      expect(step.fromX + step.width).toBeLessThanOrEqual(fromWidth);
      expect(step.toX + step.width).toBeLessThanOrEqual(toWidth);
      for (let row = 0; row < step.rows; row++) {
        for (let x = 0; x < step.width; x++)
          seen.push([
            (step.fromY + row) * fromWidth + step.fromX + x - from,
            (step.toY + row) * toWidth + step.toX + x - to,
          ]);
      }
    }
    expect(seen).toEqual(Array.from({ length }, (_, i) => [i, i]));
  }
});

it('refuses loops that headless-gl would cut', () => {
  const source = `function (x) { for (let e = 0; e < this.constants.E; e++) {} for (let jj = 0; jj < count; jj++) {} }`;
  const step = { name: 'tops', source, args: [], length: 1 };
  expect(() => checkTurns({ ...step, constants: { E: 60_000, K: 5000 } })).not.toThrow();
  expect(() =>
    checkTurns({ ...step, constants: { E: 60_000, K: 6000 } }),
  ).toThrowErrorMatchingInlineSnapshot(`
    [DeviceError: gpujs:headlessgl: kernel "tops" would loop 66000 times a thread
      - this renderer stops after 65535 and returns what it has
      Choose another device for rows this long.]
  `);
});
