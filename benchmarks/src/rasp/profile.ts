import type { RaspRecipe } from './contract.ts';

/**
 * One length and number of steps a task: numbers that count are few tokens, and texts with hints many. Counting has two wide
 * heads, which helps against one of the two causes of an early end (results/README.md) and does not cure it.
 */
export const raspQuick: RaspRecipe = {
  layers: 2,
  E: 64,
  H: 4,
  hidden: 128,
  T: 48,
  B: 8,
  rate: 2e-3,
  warmup: 100,
  decay: 0.01,
  seeds: [1],
  checked: 64,
  times: [1, 1.5, 2, 2.5, 3],
  encodings: ['none', 'window'],
  tasks: {
    count: { length: 20, steps: 800, H: 2 },
    mode: { length: 10, steps: 600 },
    'copy-unique': { length: 10, steps: 1000 },
    sort: { length: 10, steps: 500 },
    'parity-scratchpad': { length: 10, steps: 800 },
    'addition-reversed': { length: 5, steps: 1000 },
    'copy-repeated': { length: 10, steps: 500 },
    parity: { length: 10, steps: 300 },
    addition: { length: 5, steps: 500 },
  },
};

/** Overnight on two cores: every encoding, longer texts, three seeds. */
export const raspFull: RaspRecipe = {
  ...raspQuick,
  layers: 4,
  T: 128,
  seeds: [1, 2, 3],
  checked: 128,
  encodings: ['none', 'learned', 'rotary', 'proportional', 'alibi', 'window', 't5'],
  tasks: Object.fromEntries(
    Object.entries(raspQuick.tasks).map(([name, { length }]) => [name, { length: 2 * length, steps: 6000 }]),
  ),
};

/** Seconds: for the way through, not for what comes out. */
export const raspCi: RaspRecipe = {
  ...raspQuick,
  layers: 1,
  E: 16,
  H: 2,
  hidden: 16,
  T: 16,
  B: 2,
  warmup: 2,
  seeds: [1, 2],
  checked: 4,
  times: [1, 2.5],
  encodings: ['none', 't5'],
  tasks: { sort: { length: 4, steps: 8 }, parity: { length: 4, steps: 8 } },
};
