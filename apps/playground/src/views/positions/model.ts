import {
  type AnyEncoding,
  type RotaryEncoding,
  rotary,
  type ScoreBias,
  type TableEncoding,
} from '@headwise/positional';
import { encodings } from '@headwise/positional/registry';
import { createReference, seededBits, type Tensor, tensor, ValueError } from '@headwise/tensor';
import { choicesOf } from '../choices.ts';
import type { Curve, Dial, Heat, PositionPicture, Shift, SpectrumPicture } from './picture.ts';
import { type Content, scoreOf } from './score.ts';
import { rowsOf, spread } from './tables.ts';

/** Most columns of a picture and points of a line: more than a screen shows apart. */
const COLUMNS = 256;
const POINTS = 256;

/** What a person has chosen. */
export interface PositionSetup {
  /** Of the registry. */
  readonly name: string;
  /** As the encoding takes them; what is left out has its default, or stands in. */
  readonly options: Readonly<Record<string, unknown>>;
  /** Width of a head, or of an embedding. */
  readonly D: number;
  readonly H: number;
  /** Tokens that the model was trained with. */
  readonly trained: number;
  /** Tokens of the text now. */
  readonly length: number;
  /** Query and key are alike (all ones), or two random vectors. */
  readonly content: 'alike' | 'random';
  readonly pair: number;
  /** Where the query and the key stand. */
  readonly m: number;
  readonly n: number;
  /** How far both are moved. */
  readonly by: number;
}

/** What a menu needs of each encoding. */
export interface EncodingEntry {
  readonly name: string;
  readonly title: string;
  readonly kind: string;
  readonly summary: string;
  readonly defaults: Readonly<Record<string, unknown>>;
  readonly choices: Readonly<Record<string, readonly string[]>>;
}

interface Factory {
  (options: object): AnyEncoding;
  readonly about: (typeof encodings)['rotary']['about'] & { readonly paper: { readonly arxiv?: string } };
  readonly defaults: Readonly<Record<string, unknown>>;
}

const registry: Readonly<Record<string, Factory>> = encodings as never;

/** Every encoding of the registry; options that need trained numbers are not for a person to give. */
export function encodingEntries(): readonly EncodingEntry[] {
  return Object.values(registry).map(({ about, defaults }) => {
    const { name, title, kind, summary } = about;
    const chosen = Object.entries(defaults).filter(([key]) => !trainedOptions.includes(key));
    const choices = choicesOf(defaults, (options) => encodingOf({ ...standard, name, options }));
    return { name, title, kind, summary, defaults: Object.fromEntries(chosen), choices };
  });
}

/** Any setup, to ask what an option can be. */
const standard: PositionSetup = {
  name: 'rotary',
  options: {},
  D: 8,
  H: 2,
  trained: 8,
  length: 16,
  content: 'alike',
  pair: 0,
  m: 1,
  n: 0,
  by: 1,
};

/** Options that hold what training finds; they cannot be typed. */
const trainedOptions = ['table', 'keys', 'values'];

/** The encoding, with what stands in for the numbers that a model would bring. @throws {ValueError} as the encoding. */
export function encodingOf(setup: PositionSetup): {
  readonly encoding: AnyEncoding;
  readonly standIns: readonly string[];
  /** Of an encoding inside attention: its key table `[2c + 1, D]`. */
  readonly keys: Float32Array | undefined;
} {
  const { name, options, trained } = setup;
  const factory = registry[name];
  if (!factory)
    throw new ValueError('positions', 'encoding', `must be one of ${Object.keys(registry).join(', ')}`, name);
  const words: string[] = [];
  const given: Record<string, unknown> = { ...options };
  for (const [key, fallback] of Object.entries(factory.defaults)) {
    if (given[key] !== undefined || fallback !== undefined) continue;
    const chosen = chosenFor(key, setup);
    if (chosen === undefined) continue;
    given[key] = chosen.value;
    words.push(`${key} = ${chosen.words}`);
  }
  const shape = tableShapes[name]?.(setup);
  const rows = shape && trainedLike(shape.sizes, shape.deviation);
  if (shape && rows) {
    given[shape.option] = tensor(createReference(), rows, shape.sizes) as Tensor;
    words.push(`${shape.option} [${shape.sizes.join(', ')}] random, not trained (${trained} positions)`);
  }
  const encoding = factory(given);
  return { encoding, standIns: words, keys: shape?.option === 'keys' ? rows : undefined };
}

/** Numbers that have no default because a model says them. */
function chosenFor(
  key: string,
  { trained, length, D, options }: PositionSetup,
): { value: unknown; words: string } | undefined {
  const factor = Math.max(2, Math.ceil(length / trained));
  const fraction = typeof options.fraction === 'number' ? options.fraction : 1;
  const pairs = (typeof options.width === 'number' ? options.width : Math.trunc(D * fraction)) / 2;
  const rising = Array.from({ length: pairs }, (_, i) => factor ** (i / Math.max(1, pairs - 1)));
  switch (key) {
    case 'factor':
      return { value: factor, words: `${factor}, length over trained length` };
    case 'originalLength':
      return { value: trained, words: `${trained}, the trained length` };
    case 'shortFactors':
      return { value: rising.map(() => 1), words: '1 for every pair' };
    case 'longFactors':
      return { value: rising, words: `1 rising to ${factor}` };
    default:
      return undefined;
  }
}

/** Tables of trained numbers, by encoding. */
const tableShapes: Readonly<
  Record<string, (setup: PositionSetup) => { option: string; sizes: readonly number[]; deviation: number }>
> = {
  learned: ({ trained, D }) => ({ option: 'table', sizes: [trained, D], deviation: 0.5 }),
  t5: ({ H }) => ({ option: 'table', sizes: [32, H], deviation: 2 }),
  shaw: ({ D }) => ({ option: 'keys', sizes: [2 * 16 + 1, D], deviation: 0.5 }),
};

function trainedLike(sizes: readonly number[], deviation: number): Float32Array {
  const normal = normals(3);
  return Float32Array.from({ length: sizes.reduce((a, b) => a * b) }, () => deviation * normal());
}

/** Box & Muller 1958. */
function normals(seed: number): () => number {
  const bits = seededBits(seed);
  const uniform = (): number => (bits() + 0.5) / 2 ** 32;
  return () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
}

/** The two vectors that are compared. */
export function contentOf({ content, D }: Pick<PositionSetup, 'content' | 'D'>): Content {
  if (content === 'alike') return { q: new Float64Array(D).fill(1), k: new Float64Array(D).fill(1) };
  const normal = normals(11);
  return { q: Float64Array.from({ length: D }, normal), k: Float64Array.from({ length: D }, normal) };
}

/**
 * Everything the view shows of an encoding, from the encoding's own tables.
 *
 * @throws {ValueError} for options that it refuses.
 */
export async function positionPicture(setup: PositionSetup): Promise<PositionPicture> {
  const { encoding, standIns, keys } = encodingOf(setup);
  const { about } = registry[setup.name]!;
  const { title, summary, kind, paper } = about;
  return {
    name: setup.name,
    title,
    summary,
    kind,
    source: `${paper.authors} ${paper.year}, “${paper.title}”`,
    standIns,
    heat: await heatOf(encoding, setup),
    curve: await curveOf(encoding, setup, keys),
    spectrum: encoding.kind === 'rotation' ? spectrumOf(encoding, setup) : undefined,
    dial: encoding.kind === 'rotation' ? dialOf(encoding, setup) : undefined,
    shift: await shiftOf(encoding, setup, keys),
  };
}

/** The encoding's numbers, over positions or distances. */
async function heatOf(encoding: AnyEncoding, setup: PositionSetup): Promise<Heat | undefined> {
  const { D, H, length } = setup;
  const positions = spread(length - 1, COLUMNS);
  if (encoding.kind === 'rotation') return rotationHeat(encoding, setup, positions);
  if (encoding.kind === 'bias') return biasHeat(encoding, H, length, positions);
  if (encoding.kind === 'input') {
    const reached = await reachOf(encoding, D, positions);
    const rows = await rowsOf(encoding, D, reached);
    const values = Float32Array.from({ length: D * reached.length }, (_, at) => {
      return rows[at % reached.length]![Math.floor(at / reached.length)]!;
    });
    return {
      title: 'What is added to the embedding of each position',
      rows: Array.from({ length: D }, (_, i) => `number ${i}`),
      rowTitle: 'number of the embedding',
      columns: reached,
      columnTitle: 'position',
      values,
      ...bounds(values),
    };
  }
  return undefined;
}

/** The positions among these that a table has a row for. */
async function reachOf(encoding: TableEncoding, E: number, positions: readonly number[]): Promise<number[]> {
  const has = async (count: number): Promise<boolean> => {
    try {
      await encoding.rows(E, [positions[count - 1]!]);
      return true;
    } catch (error) {
      if (!ValueError.isInstance(error)) throw error;
      return false;
    }
  };
  let [low, high] = [1, positions.length];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (await has(middle)) low = middle;
    else high = middle - 1;
  }
  return positions.slice(0, low);
}

function rotationHeat(encoding: RotaryEncoding, { D, length }: PositionSetup, positions: number[]): Heat {
  const { cos, shape } = encoding.tables(D, positions, { length });
  const [L, half] = shape;
  const values = Float32Array.from(
    { length: half * L },
    (_, at) => cos[(at % L) * half + Math.floor(at / L)]!,
  );
  return {
    title: 'Cosine of the angle of each pair at each position',
    rows: Array.from({ length: half }, (_, i) => `pair ${i}`),
    rowTitle: 'pair of numbers of a head',
    columns: positions,
    columnTitle: 'position',
    values,
    ...bounds(values),
  };
}

async function biasHeat(encoding: ScoreBias, H: number, length: number, distances: number[]): Promise<Heat> {
  const matrix = await encoding.matrix(H, 1, length, length - 1);
  const values = Float32Array.from({ length: H * distances.length }, (_, at) => {
    const [head, i] = [Math.floor(at / distances.length), at % distances.length];
    return matrix[head * length + (length - 1 - distances[i]!)]!;
  });
  return {
    title: 'What is added to the score, by head and distance',
    rows: Array.from({ length: H }, (_, h) => `head ${h}`),
    rowTitle: 'head',
    columns: distances,
    columnTitle: 'distance between query and key',
    values,
    ...bounds(values),
  };
}

function bounds(values: Float32Array): { readonly low: number; readonly high: number } {
  return values.reduce(
    ({ low, high }, value) => ({ low: Math.min(low, value), high: Math.max(high, value) }),
    { low: Infinity, high: -Infinity },
  );
}

/** Scores of the last query with every key before it. */
async function curveOf(
  encoding: AnyEncoding,
  setup: PositionSetup,
  keys: Float32Array | undefined,
): Promise<Curve> {
  const { H, length, D } = setup;
  const content = contentOf(setup);
  let distances = spread(length - 1, POINTS);
  let ends: string | undefined;
  if (encoding.kind === 'input') {
    const reached = await reachOf(encoding, D, distances);
    if (reached.length < distances.length) {
      ends = await problemOf(() => encoding.rows(D, [distances.at(-1)!]));
      distances = reached;
    }
  }
  const last = distances.at(-1)!;
  const line = async (label: string, of: AnyEncoding, head: number): Promise<Curve['lines'][number]> => {
    if (of.kind === 'bias')
      return { label, values: await biasLine(of, content, { H, head, last, distances }) };
    const values: number[] = [];
    for (const distance of distances) {
      const at = { query: last, key: last - distance, length: Math.max(length, last + 1) };
      values.push(await scoreOf(of, content, at, { heads: H, head, ...(keys && { keys }) }));
    }
    return { label, values };
  };
  if (encoding.kind === 'bias') {
    const heads = spread(H - 1, 4);
    return {
      distances,
      lines: await Promise.all(heads.map((head) => line(`head ${head}`, encoding, head))),
      ends,
    };
  }
  const lines = [await line(setup.name, encoding, 0)];
  if (encoding.kind === 'rotation' && setup.name !== 'rotary')
    lines.push(await line('plain RoPE', plainOf(setup), 0));
  return { distances, lines, ends };
}

/** One call of the encoding for all distances: a matrix a distance would take the square of the length. */
async function biasLine(
  encoding: ScoreBias,
  { q, k }: Content,
  at: { H: number; head: number; last: number; distances: readonly number[] },
): Promise<number[]> {
  const matrix = await encoding.matrix(at.H, 1, at.last + 1, at.last);
  const plain = q.reduce((sum, value, i) => sum + value * k[i]!, 0) / Math.sqrt(q.length);
  return at.distances.map((distance) => plain + matrix[at.head * (at.last + 1) + at.last - distance]!);
}

/** RoPE of the same base and width, without scaling. */
function plainOf({ options }: PositionSetup): RotaryEncoding {
  const shared = ['base', 'fraction', 'width', 'layout'].filter((key) => options[key] !== undefined);
  return rotary(Object.fromEntries(shared.map((key) => [key, options[key]])));
}

function spectrumOf(encoding: RotaryEncoding, setup: PositionSetup): SpectrumPicture {
  const { D, length, trained } = setup;
  const { inverseFrequencies, attentionFactor } = encoding.spectrum(D, length);
  const plain = plainOf(setup).spectrum(D).inverseFrequencies;
  const unseen = [...inverseFrequencies.keys()].filter((i) => {
    const shown = (trained - 1) * (plain[i] ?? inverseFrequencies[i]!);
    const reached = (length - 1) * inverseFrequencies[i]!;
    // a pair that has gone round in training has shown all its angles
    return shown < 2 * Math.PI && reached > shown * (1 + 1e-9);
  });
  return {
    frequencies: [...inverseFrequencies],
    plain: [...plain],
    attentionFactor,
    unseen,
  };
}

function dialOf(encoding: RotaryEncoding, { D, length, pair, m, n }: PositionSetup): Dial {
  const { inverseFrequencies } = encoding.spectrum(D, Math.max(length, m + 1, n + 1));
  const i = Math.min(pair, inverseFrequencies.length - 1);
  const frequency = inverseFrequencies[i]!;
  return {
    pair: i,
    pairs: inverseFrequencies.length,
    frequency,
    query: m * frequency,
    key: n * frequency,
  };
}

/** The text is as long as its last token says: what depends on the length sees both tokens move. */
async function shiftOf(
  encoding: AnyEncoding,
  setup: PositionSetup,
  keys: Float32Array | undefined,
): Promise<Shift> {
  const { m, n, by, H } = setup;
  const content = contentOf(setup);
  const score = (offset: number): Promise<number> => {
    const at = { query: m + offset, key: n + offset, length: Math.max(m, n) + offset + 1 };
    return scoreOf(encoding, content, at, { heads: H, head: 0, ...(keys && { keys }) });
  };
  try {
    const [before, after] = [await score(0), await score(by)];
    return { before, after, change: after - before };
  } catch (error) {
    if (!ValueError.isInstance(error)) throw error;
    return { problem: error.message };
  }
}

async function problemOf(act: () => Promise<unknown>): Promise<string> {
  try {
    await act();
    return '';
  } catch (error) {
    if (!ValueError.isInstance(error)) throw error;
    return error.message;
  }
}
