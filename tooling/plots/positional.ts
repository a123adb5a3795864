/**
 * Draws every encoding of @headwise/positional from its own tables, for the package's README.
 *
 *     pnpm exec tsx --conditions=@headwise/source tooling/plots/positional.ts
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import {
  alibi,
  alibiSlopes,
  dynamicNtk,
  learned,
  linear,
  llama3,
  longrope,
  ntkAware,
  proportional,
  type RotaryEncoding,
  rotary,
  shaw,
  sinusoidal,
  t5Buckets,
  xpos,
  yarn,
} from '../../packages/positional/src/index.ts';
import { encodings } from '../../packages/positional/src/registry.ts';
import { createReference, tensor } from '../../packages/tensor/src/index.ts';
import { seededValues } from '../../packages/tensor/src/testing/index.ts';
import { type Curve, card, type HeatPanel, type LinePanel } from './svg.ts';

const D = 64;
const HALF = D / 2;

/** Of each encoding, its SVG by name. Long because it is a list: one entry an encoding. */
export async function plots(): Promise<Readonly<Record<keyof typeof encodings, string>>> {
  const title = (name: keyof typeof encodings): string => encodings[name].about.title;
  const base = 500_000;
  const rising = (last: number) => Array.from({ length: HALF }, (_, i) => last ** (i / (HALF - 1)));
  const grown = dynamicNtk({ factor: 4, originalLength: 2048 });
  const lists = longrope({
    shortFactors: rising(1.5),
    longFactors: rising(16),
    originalLength: 4096,
    factor: 16,
  });
  return {
    sinusoidal: card(title('sinusoidal'), await tablePanels(sinusoidal(), 'dot product of two rows')),
    learned: card(
      title('learned'),
      await tablePanels(untrained(), 'dot product of two rows, before training'),
    ),
    rotary: card(title('rotary'), rotaryPanels([['RoPE', rotary()]], {})),
    linear: card(
      title('linear'),
      rotaryPanels([['factor 4', linear({ factor: 4 })]], { plain: rotary(), trained: 2048 }),
    ),
    'ntk-aware': card(
      title('ntk-aware'),
      rotaryPanels([['factor 8', ntkAware({ factor: 8 })]], { plain: rotary(), trained: 2048 }),
    ),
    'dynamic-ntk': card(
      title('dynamic-ntk'),
      rotaryPanels(
        [
          ['at 4096', grown, 4096],
          ['at 16384', grown, 16_384],
        ],
        { plain: rotary(), trained: 2048 },
      ),
    ),
    yarn: card(
      title('yarn'),
      rotaryPanels([['factor 8', yarn({ factor: 8, originalLength: 2048 })]], {
        plain: rotary(),
        trained: 2048,
      }),
    ),
    longrope: card(
      title('longrope'),
      rotaryPanels(
        [
          ['short', lists, 4096],
          ['long', lists, 4097],
        ],
        { plain: rotary(), trained: 4096 },
      ),
    ),
    llama3: card(
      title('llama3'),
      rotaryPanels([['factor 8', llama3({ base, factor: 8, originalLength: 8192 })]], {
        plain: rotary({ base }),
        trained: 8192,
      }),
    ),
    proportional: card(
      title('proportional'),
      rotaryPanels([['a quarter; the rest stands still', proportional({ fraction: 0.25 })]], {
        plain: rotary(),
      }),
    ),
    xpos: card(title('xpos'), xposPanels()),
    alibi: card(title('alibi'), await alibiPanels()),
    t5: card(title('t5'), t5Panels()),
    shaw: card(title('shaw'), shawPanels()),
    none: card(title('none'), nonePanels()),
  };
}

/** Wavelengths of the pairs, and the score of one content at growing distance. */
function rotaryPanels(
  own: readonly (readonly [label: string, encoding: RotaryEncoding, length?: number])[],
  { plain, trained }: { readonly plain?: RotaryEncoding; readonly trained?: number },
): readonly LinePanel[] {
  const all = [
    ...(plain ? ([['RoPE', plain, undefined]] as const) : []),
    ...own.map(([label, encoding, length]) => [label, encoding, length] as const),
  ];
  const wavelengths = (encoding: RotaryEncoding, length: number | undefined) =>
    Array.from(encoding.spectrum(D, length).inverseFrequencies)
      .map((f, i) => [i, (2 * Math.PI) / f] as const)
      .filter(([, wavelength]) => Number.isFinite(wavelength));
  const curves = (
    points: (encoding: RotaryEncoding, length: number | undefined) => Curve['points'],
  ): Curve[] =>
    all.map(([label, encoding, length]) => ({
      label,
      points: points(encoding, length),
      reference: encoding === plain,
    }));
  return [
    {
      title: 'positions for one full turn',
      x: `pair 0 … ${HALF - 1} of a head of ${D}`,
      logY: true,
      curves: curves(wavelengths),
      marks: trained === undefined ? [] : [{ y: trained, label: `trained length ${trained}` }],
    },
    {
      title: 'score of equal contents',
      x: 'distance of query and key',
      range: [-0.4, 1.6],
      curves: curves(scores).map((curve) => ({ ...curve, named: false })),
    },
  ];
}

/** A query of all ones at position d and a key of all ones at 0, turned by their tables: 1 without any turn. */
function scores(encoding: RotaryEncoding, length = 1, L = 257): Curve['points'] {
  const q = encoding.tables(D, { start: 0, L }, { length, side: 'q' });
  const k = encoding.tables(D, [0], { length, side: 'k' });
  const half = q.shape[1];
  return Array.from({ length: L }, (_, d) => {
    let sum = 0;
    for (let i = 0; i < half; i++) sum += q.cos[d * half + i]! * k.cos[i]! + q.sin[d * half + i]! * k.sin[i]!;
    return [d, sum / half] as const;
  });
}

/** How much of a pair is left at a distance, and the score of one content far out. */
function xposPanels(): readonly LinePanel[] {
  const encoding = xpos();
  const left = (distance: number): Curve => {
    const { cos, sin } = encoding.tables(D, [distance], { side: 'q' });
    return {
      label: `${distance} apart`,
      points: Array.from(cos, (c, i) => [i, Math.hypot(c, sin[i]!)] as const),
      named: false,
    };
  };
  const far = (one: RotaryEncoding) => scores(one, 1, 2049).filter(([d]) => d % 8 === 0);
  return [
    {
      title: 'what is left of a pair: 128, 512, 2048 apart',
      x: `pair 0 … ${HALF - 1} of a head of ${D}`,
      range: [0, 1],
      curves: [128, 512, 2048].map(left),
    },
    {
      title: 'score of equal contents, RoPE dashed',
      x: 'distance of query and key',
      range: [-0.4, 1.6],
      curves: [
        { label: 'RoPE', points: far(rotary()), reference: true, named: false },
        { label: 'xPos', points: far(encoding), named: false },
      ],
    },
  ];
}

type Rows = { readonly rows: (E: number, positions: { start: number; L: number }) => Promise<Float64Array> };

async function tablePanels(encoding: Rows, title: string): Promise<readonly [HeatPanel, LinePanel]> {
  const [L, shown] = [257, 40];
  const rows = await encoding.rows(D, { start: 0, L });
  const norm = Math.sqrt(dot(rows, 0, 0));
  return [
    {
      title: 'rows added to the embeddings',
      x: `dimension 0 … ${D - 1}`,
      y: 'position',
      rows: shown,
      columns: D,
      values: rows.slice(0, shown * D),
    },
    {
      title,
      x: 'distance of the two positions',
      range: [-0.4, 1.6],
      curves: [
        {
          label: 'row 0',
          named: false,
          points: Array.from(
            { length: L },
            (_, d) => [d, dot(rows, 0, d) / norm / Math.sqrt(dot(rows, d, d))] as const,
          ),
        },
      ],
    },
  ];
}

function dot(rows: Float64Array, p: number, q: number): number {
  let sum = 0;
  for (let e = 0; e < D; e++) sum += rows[p * D + e]! * rows[q * D + e]!;
  return sum;
}

/** A table as GPT-2 starts with: normal numbers, by Box and Muller. */
function untrained(): Rows {
  const [a, b] = [seededValues(257 * D, 1), seededValues(257 * D, 2)];
  const normal = Float32Array.from(a, (u, n) => {
    const radius = Math.sqrt(-2 * Math.log((u + 1.000001) / 2));
    return 0.02 * radius * Math.cos(Math.PI * b[n]!);
  });
  return learned({ table: tensor<'N E'>(createReference(), normal, [257, D]) });
}

async function alibiPanels(): Promise<readonly [LinePanel, HeatPanel]> {
  const [H, L] = [8, 32];
  const slopes = alibiSlopes(H);
  const matrix = await alibi().matrix(H, L, L);
  return [
    {
      title: 'bias of 8 heads',
      x: 'distance of query and key',
      range: [-8, 0],
      curves: Array.from(slopes, (slope, h) => ({
        label: `${h}`,
        named: h > 1,
        points: [0, 64]
          .map((d) => [d, -slope * d] as const)
          .map(([d, y]) => (y < -8 ? [8 / slope, -8] : [d, y]) as [number, number]),
      })),
    },
    {
      title: 'the matrix of head 2 (weaker is farther)',
      x: 'key',
      y: 'query',
      rows: L,
      columns: L,
      values: causal(L, (i, j) => 4 + matrix[(2 * L + i) * L + j]!),
    },
  ];
}

function t5Panels(): readonly [LinePanel, HeatPanel] {
  const L = 40;
  const line = (bidirectional: boolean) =>
    Array.from(
      t5Buckets({ Lq: 1, Lk: 301, offset: 150 }, 32, { bidirectional }),
      (bucket, j) => [j - 150, bucket] as const,
    );
  const buckets = t5Buckets({ Lq: L, Lk: L }, 32, { bidirectional: true });
  return [
    {
      title: 'bucket of 32',
      x: 'position of the key − position of the query',
      curves: [
        { label: 'decoder', points: line(false) },
        { label: 'encoder', points: line(true) },
      ],
    },
    {
      title: 'buckets of an encoder, each one trained bias',
      x: 'key',
      y: 'query',
      rows: L,
      columns: L,
      values: Array.from(buckets, (bucket) => (bucket < 16 ? -(bucket + 1) : bucket - 15)),
    },
  ];
}

function shawPanels(): readonly [LinePanel, HeatPanel] {
  const [L, clip] = [32, 8];
  const encoding = shaw({
    keys: tensor(createReference(), new Float32Array((2 * clip + 1) * D), [2 * clip + 1, D]),
  });
  const line = encoding.rows(1, 49, 24);
  return [
    {
      title: `row of the tables, clip ${clip}`,
      x: 'position of the key − position of the query',
      curves: [{ label: 'row', named: false, points: Array.from(line, (row, j) => [j - 24, row] as const) }],
    },
    {
      title: 'rows: orange behind the query, blue ahead',
      x: 'key',
      y: 'query',
      rows: L,
      columns: L,
      values: Array.from(encoding.rows(L, L), (row) => row - clip),
    },
  ];
}

function nonePanels(): readonly [LinePanel, HeatPanel] {
  const L = 32;
  return [
    {
      title: 'what a score gains or loses',
      x: 'distance of query and key',
      range: [-1, 1],
      curves: [
        {
          label: 'nothing',
          points: [
            [0, 0],
            [256, 0],
          ],
        },
      ],
    },
    {
      title: 'what is left: the causal mask',
      x: 'key',
      y: 'query',
      rows: L,
      columns: L,
      values: causal(L, () => 1),
      strongest: 2,
    },
  ];
}

function causal(L: number, value: (i: number, j: number) => number): Float64Array {
  return Float64Array.from({ length: L * L }, (_, n) => {
    const [i, j] = [Math.floor(n / L), n % L];
    return j > i ? 0 : Math.max(0, value(i, j));
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const folder = new URL('../../packages/positional/plots/', import.meta.url);
  mkdirSync(folder, { recursive: true });
  for (const [name, svg] of Object.entries(await plots())) {
    writeFileSync(new URL(`${name}.svg`, folder), svg);
    console.log(`${name}.svg  ${svg.length} bytes`);
  }
}
