import { describe, expect, it } from 'vitest';
import { darkRules, HUES, ink, tones, variantMark } from './palette.ts';

type Rgb = readonly [number, number, number];
type Matrix = readonly [Rgb, Rgb, Rgb];

/** Simulation of full protanopia, deuteranopia and tritanopia in linear RGB (Machado et al. 2009, table 1). */
const sights: Readonly<Record<string, Matrix>> = {
  normal: [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ],
  protan: [
    [0.152286, 1.052583, -0.204868],
    [0.114503, 0.786281, 0.099216],
    [-0.003882, -0.048116, 1.051998],
  ],
  deutan: [
    [0.367322, 0.860646, -0.227968],
    [0.280085, 0.672501, 0.047413],
    [-0.01182, 0.04294, 0.968881],
  ],
  tritan: [
    [1.255528, -0.076749, -0.178779],
    [-0.078411, 0.930809, 0.147602],
    [0.004733, 0.691367, 0.3039],
  ],
};

const linear = (hex: string): Rgb => {
  const channel = (at: number): number => {
    const value = Number.parseInt(hex.slice(at, at + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  };
  return [channel(1), channel(3), channel(5)];
};
const times = (matrix: Matrix, [r, g, b]: Rgb): Rgb =>
  matrix.map(([x, y, z]) => Math.min(1, Math.max(0, x * r + y * g + z * b))) as unknown as Rgb;

/** OKLab (Ottosson 2020). */
function oklab([r, g, b]: Rgb): Rgb {
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
  const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  return [
    0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s,
    1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s,
    0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s,
  ];
}

/** Distance in OKLab, times 100. */
const distance = (a: string, b: string, sight: Matrix): number => {
  const [p, q] = [oklab(times(sight, linear(a))), oklab(times(sight, linear(b)))];
  return 100 * Math.hypot(p[0] - q[0], p[1] - q[1], p[2] - q[2]);
};

/** Contrast ratio of WCAG 2. */
const contrast = (a: string, b: string): number => {
  const light = ([r, g, b]: Rgb): number => 0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05;
  const [p, q] = [light(linear(a)), light(linear(b))];
  return Math.max(p, q) / Math.min(p, q);
};

const pairs = <T>(items: readonly T[]): [T, T][] =>
  items.flatMap((a, i) => items.slice(i + 1).map((b): [T, T] => [a, b]));

describe.each(['light', 'dark'] as const)('on a %s page', (theme) => {
  it.each(Object.entries(sights))('series are told apart with %s sight', (_, sight) => {
    for (const set of [tones.variants, tones.devices])
      for (const [a, b] of pairs(set))
        expect(distance(a[theme], b[theme], sight)).toBeGreaterThan(theme === 'light' ? 11.9 : 15);
  });

  it('marks stand out at 3:1 and text at 4.5:1', () => {
    for (const { [theme]: color } of [...tones.variants, ...tones.devices])
      for (const surface of [ink.page, ink.raised])
        expect(contrast(color, surface[theme])).toBeGreaterThanOrEqual(3);
    for (const { [theme]: color } of [ink.text, ink.muted, ink.faster, ink.slower, ink.undecided])
      for (const surface of [ink.page, ink.raised])
        expect(contrast(color, surface[theme])).toBeGreaterThanOrEqual(4.5);
  });
});

it('gives no two variants of one panel the same shape, dash or hue, and forty variants forty looks', () => {
  const looks = Array.from({ length: 40 }, (_, order) => variantMark(order));
  for (let panel = 0; panel + HUES <= looks.length; panel += HUES) {
    const members = looks.slice(panel, panel + HUES);
    expect(new Set(members.map(({ symbol }) => symbol)).size).toBe(HUES);
    expect(new Set(members.map(({ tone }) => tone.light)).size).toBe(HUES);
    expect(new Set(members.map(({ dash }) => dash.join())).size).toBe(HUES);
  }
  expect(new Set(looks.map((look) => JSON.stringify(look))).size).toBe(40);
});

it('turns every light colour into its dark one', () => {
  expect(darkRules('.x ')).toContain(`.x [fill="${ink.text.light}"]{fill:${ink.text.dark}}`);
  expect(darkRules()).toContain(`[stroke="${tones.variants[0]!.light}"]{stroke:${tones.variants[0]!.dark}}`);
});
