import { damaged, mismatch } from './errors.ts';
import { isCount, shown } from './header.ts';
import type { Snapshot } from './record.ts';

/** What a file must agree with beside itself. */
interface RingSizes {
  readonly sinks: number;
  /** Tokens that a query sees beside the sinks, its own included. */
  readonly window: number;
}

/** A ring: the oldest position of each sequence that goes round. Everything that the next query sees must be there. */
export function firstIn({ state, B, lengths }: Snapshot, { sinks, window }: RingSizes): readonly number[] {
  const first = countsAt(state, 'first', B);
  lengths.forEach((length, b) => {
    if (isCount(first[b], sinks, Math.max(sinks, length - window + 1))) return;
    throw damaged(`a ring of ${length} tokens cannot begin at position ${first[b]}`);
  });
  return first;
}

/** A quantized cache: the blocks of each sequence that are packed. `ours` says how this cache packs. */
export function packedIn({ state, B }: Snapshot, ours: Readonly<Record<string, unknown>>): readonly number[] {
  const entries = Object.entries(state).filter(([key]) => key !== 'blocks');
  const theirs = entries.map(([key, value]) => `${JSON.stringify(key)}:${plain(value)}`).join(',');
  const wanted = JSON.stringify(ours);
  if (`{${theirs}}` !== wanted) throw mismatch(`it is packed as {${theirs}}, this cache packs as ${wanted}`);
  return countsAt(state, 'blocks', B);
}

/** A paged cache: how many blocks there are, and which of them each sequence has. */
export function tablesIn({ state, B, lengths }: Snapshot): {
  readonly blockSize: number;
  readonly blocks: number;
  readonly tables: readonly (readonly number[])[];
} {
  const contradiction = damaged('its block tables contradict themselves');
  const [blockSize, blocks, tables] = ['blockSize', 'blocks', 'tables'].map((key) => stateAt(state, key));
  if (!isCount(blockSize, 1) || !isCount(blocks, 0)) throw contradiction;
  if (!Array.isArray(tables) || tables.length !== B) throw contradiction;
  // a block holds tokens of one place: where it stands in two tables, it stands at the same place
  const places = new Map<number, number>();
  for (const [b, table] of tables.entries()) {
    if (!isCounts(table) || table.length !== Math.ceil(lengths[b]! / blockSize)) throw contradiction;
    table.forEach((block, place) => {
      if (block >= blocks || (places.get(block) ?? place) !== place) throw contradiction;
      places.set(block, place);
    });
  }
  if (places.size !== blocks) throw contradiction;
  return { blockSize, blocks, tables };
}

/** An anchor-evicting cache: for each sequence what it holds, the anchors and the whole of the open segment. */
export function livingIn({ state, B, lengths }: Snapshot): {
  readonly positions: readonly (readonly number[])[];
  readonly anchors: readonly (readonly boolean[])[];
} {
  const [positions, anchors] = ['positions', 'anchors'].map((key) => stateAt(state, key));
  const lists = (value: unknown): value is unknown[][] =>
    Array.isArray(value) && value.length === B && value.every(Array.isArray);
  if (!lists(positions) || !lists(anchors)) throw damaged(`its positions are not those of ${B} sequences`);
  positions.forEach((held, b) => {
    const flags = anchors[b]!;
    const length = lengths[b]!;
    const open = flags.lastIndexOf(true) + 1;
    const start = open === 0 ? 0 : (held[open - 1] as number) + 1;
    const sane =
      isCounts(held) &&
      flags.length === held.length &&
      flags.every((flag, i) => flag === i < open) &&
      held.every((position, i) => position < length && (i === 0 || position > held[i - 1]!)) &&
      held.length - open === length - start;
    if (!sane)
      throw damaged(`sequence ${b} of ${length} tokens cannot hold the positions and anchors that it names`);
  });
  return { positions: positions as number[][], anchors: anchors as boolean[][] };
}

function stateAt(state: Snapshot['state'], key: string): unknown {
  return Object.hasOwn(state, key) ? state[key] : undefined;
}

/** A whole number ≥ 0 of each sequence. */
function countsAt(state: Snapshot['state'], key: string, B: number): readonly number[] {
  const counts = stateAt(state, key);
  if (isCounts(counts) && counts.length === B) return counts;
  throw damaged(`its ${key} must be a whole number ≥ 0 for each of ${B} sequences, it is ${shown(counts)}`);
}

function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((item) => isCount(item, 0));
}

/** In JSON, where it is no more than a number or a text. */
function plain(value: unknown): string {
  return typeof value === 'object' ? shown(value) : JSON.stringify(value);
}
