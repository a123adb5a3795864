import { attentionWith, createReference, hostModifier, type Tensor } from '@headwise/tensor';
import { seeded } from '@headwise/tensor/testing';
import { describe, expect, it } from 'vitest';
import { smallConfigurations } from '../testing/configurations.ts';
import { and, not, or } from './compose.ts';
import { maskModifier, scoreModifier } from './define.ts';
import { ModifierError } from './error.ts';
import { picture } from './picture.ts';

const cases = [
  { b: 0, h: 0, q: 0, k: 0 },
  { b: 0, h: 1, q: 5, k: 2 },
  { b: 1, h: 2, q: 3, k: 7 },
  { b: 1, h: 3, q: 9, k: 9 },
  { b: 0, h: 0, q: 12, k: 4 },
];

describe('the dialect', () => {
  it.each([
    ['an arrow function', '(b, h, q, k) => (k <= q ? 1 : 0)'],
    ['a closure', 'function (b, h, q, k) {\n  return q - k < W ? 1 : 0;\n}'],
    ['a boolean', 'function (b, h, q, k) {\n  return k <= q;\n}'],
    [
      'continue',
      'function (b, h, q, k) {\n  let n = 0;\n  for (let i = 0; i < q; i++) {\n    if (i === k) { continue; }\n    n += 1;\n  }\n  return n;\n}',
    ],
    ['a call', 'function (b, h, q, k) { return helper(q); }'],
    ['an array', 'function (b, h, q, k) { return segments[q] === segments[k] ? 1 : 0; }'],
    ['infinity', 'function (b, h, q, k) { return -Infinity; }'],
    [
      'a loop from a parameter',
      'function (b, h, q, k) { let n = 0; for (let i = q; i < 9; i++) n += i; return n; }',
    ],
    ['an assigned parameter', 'function (b, h, q, k) { q += 1; return q; }'],
    [
      'a name used twice',
      'function (b, h, q, k) { let n = 0; for (let i = 0; i < 3; i++) n += i; for (let i = 0; i < 3; i++) n += i; return n; }',
    ],
    ['a path without a return', 'function (b, h, q, k) { if (k <= q) return 1; }'],
    ['a missing parameter', 'function (b, h, q) { return 1; }'],
    ['a number as a condition', 'function (b, h, q, k) { return q % 2 ? 1 : 0; }'],
    ['types', 'function (b: number, h, q, k) { return 1; }'],
    ['a function that is no number', 'function (b, h, q, k) { return Math.sin; }'],
    ['an unknown number of Math', 'function (b, h, q, k) { return Math.TAU; }'],
    ['a number of another object', 'function (b, h, q, k) { return Number.PI; }'],
    ['an unknown function', 'function (b, h, q, k) { return Math.hypot(q, k); }'],
    ['a power', 'function (b, h, q, k) { return q ** 2; }'],
    ['text after it', 'function (b, h, q, k) { return 1; } + 1'],
  ])('refuses %s, with the place and the cure', (_, source) => {
    let caught: unknown;
    try {
      maskModifier(source);
    } catch (error) {
      caught = error;
    }
    expect(ModifierError.isInstance(caught)).toBe(true);
    expect((caught as Error).message).toMatchSnapshot();
  });

  it('refuses constants that are not finite numbers or hide a parameter', () => {
    const source = 'function (b, h, q, k) { return q - k < W ? 1 : 0; }';
    expect(() => maskModifier(source, { W: Number.NaN })).toThrow('the constant W is NaN');
    expect(() => maskModifier(source, { W: 4, q: 1 })).toThrow('the constant q is also a parameter');
  });

  it('takes functions and text', () => {
    // biome-ignore lint/complexity/useArrowFunction: the dialect knows function expressions
    const fn = maskModifier(function (_b, _h, q, k) {
      return k <= q ? 1 : 0;
    });
    expect(hostModifier(fn)(0, 0, 3, 2)).toBe(1);
    const loop = scoreModifier(
      `function (s, b, h, q, k) {
        // the sum of the distances up to here
        let sum = s;
        for (let i = 0; i <= q; i++) {
          if (i < k && !(i === h)) sum += Math.abs(i - k) * slope;
          else { sum -= 0.5; }
        }
        return sum;
      }`,
      { slope: 0.25 },
    );
    expect(hostModifier(loop)(1, 0, 0, 2, 2)).toBe(1 - 0.5 + 0.25 - 0.5);
  });
});

it('cuts the argument of tanh off where a GPU would give NaN, nested ones too', () => {
  const { source } = scoreModifier('function (s, b, h, q, k) { return Math.tanh(s + Math.tanh(q)); }');
  expect(source).toBe(
    'function (s, b, h, q, k) { return Math.tanh(Math.max(-20, Math.min(20, s + Math.tanh(Math.max(-20, Math.min(20, q)))))); }',
  );
  expect(hostModifier({ kind: 'score', source })(100, 0, 0, 1, 1)).toBe(1);
});

describe('and, or, not', () => {
  const causal = maskModifier('function (b, h, q, k) { return k <= q ? 1 : 0; }');
  const window = maskModifier('function (batch, head, query, key) { return query - key < W ? 1 : 0; }', {
    W: 4,
  });
  const wider = maskModifier('function (b, h, q, k) { return q - k < W ? 1 : 0; }', { W: 7 });
  const branches = maskModifier(
    `function (b, h, q, k) {
      if (h === 0) return 1;
      let n = 0;
      for (let i = 0; i < 6; i++) {
        if (i === k) { n += 2; return n > 1 && q > 4 ? 1 : 0; }
        n -= 1;
      }
      if (b === 1) { const t = q % 3; if (t === 0) return 0; n += t; } else return 0;
      return n > -6 ? 1 : 0;
    }`,
  );
  const all = { causal, window, wider, branches };
  const host = Object.fromEntries(Object.entries(all).map(([name, mask]) => [name, hostModifier(mask)]));

  const every = cases.flatMap((c) => Array.from({ length: 12 }, (_, k) => ({ ...c, k })));

  it.each(Object.keys(all))('of %s with every other is what it says', (name) => {
    for (const other of Object.keys(all)) {
      const both = hostModifier(and(all[name as 'causal'], all[other as 'causal']));
      const either = hostModifier(or(all[name as 'causal'], all[other as 'causal']));
      const nested = hostModifier(or(and(all[name as 'causal'], not(all[other as 'causal'])), branches));
      for (const { b, h, q, k } of every) {
        const x = host[name]!(b, h, q, k) !== 0;
        const y = host[other]!(b, h, q, k) !== 0;
        const z = host.branches!(b, h, q, k) !== 0;
        expect([both(b, h, q, k), either(b, h, q, k), nested(b, h, q, k)]).toEqual([
          x && y ? 1 : 0,
          x || y ? 1 : 0,
          (x && !y) || z ? 1 : 0,
        ]);
      }
    }
  });

  it('keeps two constants of one name apart', () => {
    const both = and(window, wider);
    expect(both.constants).toEqual({ W: 4, W1: 7 });
  });

  it('refuses a score, and nothing', () => {
    const score = scoreModifier('function (s, b, h, q, k) { return s; }');
    expect(() => or(causal, score)).toThrow('or: masks must be masks; scores add up in a list, got "score"');
    expect(() => and()).toThrow('and: masks must have at least one mask, got "none"');
  });
});

describe('picture', () => {
  it('draws a mask from its source', () => {
    const { grid, svg } = picture(
      maskModifier('function (b, h, q, k) { return k <= q && q - k < 2 + h ? 1 : 0; }'),
      {
        Lq: 2,
        Lk: 4,
        H: 2,
      },
    );
    expect(grid.map((head) => head.map((row) => [...row]))).toEqual([
      [
        [0, 1, 1, 0],
        [0, 0, 1, 1],
      ],
      [
        [1, 1, 1, 0],
        [0, 1, 1, 1],
      ],
    ]);
    expect(svg.match(/fill-opacity="1"/g)).toHaveLength(10);
    expect(svg).toContain('aria-label="mask: 2 queries down, 4 keys across, 2 heads"');
  });

  it.each(smallConfigurations())('shows of $label what the executor lets through', async ({ attention }) => {
    const parts = attention.score(0);
    // keys are summed up: nothing is let through one by one
    if (!parts) return expect(attention.kv({ E: 8, H: 2, D: 4, layers: 4 }, 0).kind).toBe('recurrent');
    const device = createReference();
    const q: Tensor = seeded(device, [1, 4, 2, 4], 1);
    const k: Tensor = seeded(device, [1, 9, 2, 4], 2);
    const { causal, ...options } = parts!;
    const { scores } = attentionWith({ q, k, v: k }, { ...options, causal: causal && { offset: 5 } }, [
      'scores',
    ]);
    const seen = Array.from((await scores.data()) as Float32Array, (score) => (score === -Infinity ? 0 : 1));
    // a call that is not causal counts its queries from 0
    const { grid } = picture(parts!, { Lq: 4, Lk: 9, H: 2, offset: causal ? 5 : 0 });
    expect(grid.flatMap((head) => head.flatMap((row) => [...row]))).toEqual(seen);
    expect(seen).toContain(1);
  });

  it('shades a score', () => {
    const { grid, svg } = picture(scoreModifier('function (s, b, h, q, k) { return s - (q - k); }'), {
      Lq: 1,
      Lk: 3,
      score: 1,
    });
    expect([...grid[0]![0]!]).toEqual([-1, 0, 1]);
    expect(svg).toContain('fill-opacity="0.1"');
    expect(svg).toContain('fill-opacity="0.55"');
  });

  it('refuses a size that is not one', () => {
    const mask = maskModifier('function (b, h, q, k) { return 1; }');
    expect(() => picture(mask, { Lq: 0, Lk: 3 })).toThrow('picture: Lq must be a whole number ≥ 1, got 0');
  });
});
