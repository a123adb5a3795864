import type { AttentionParams } from '@headwise/tensor';
import { Tile } from '../../assembly/kernel-list.ts';
import { type Interval, type Sight, sightOf } from './bounds.ts';
import type { CompiledModifiers } from './compile.ts';

/** Bytes of assembly/modified.ts: what is known of how a group of queries sees a tile of keys. */
const HIDDEN = 0;
const UNKNOWN = 15;
const ALL_SEEN = 128 | (Tile.keys / 8);

/** Sizes of the table `[groups, tiles]` of one head. */
export interface TileTable {
  readonly Lq: number;
  /** Keys that some query may see. */
  readonly n: number;
  /** Queries of a group. */
  readonly rows: number;
  readonly groups: number;
  readonly tiles: number;
}

/** Blocks of queries and tiles of keys, from and to. */
type Area = readonly [block: number, blockEnd: number, tile: number, tileEnd: number];

/**
 * Writes what bounds say of the masks into a table of one head: whole areas at once, halved where they say nothing. What is
 * left unknown is looked at key by key. Positions are `offset + i` and `j`.
 */
export function knownTiles(...call: Parameters<typeof findTiles>): Uint8Array {
  const [compiled, { modifiers, offset }, table, place] = call;
  const constants = modifiers.map((modifier) => modifier.constants);
  // what JSON would write alike differs: NaN, both infinities, −0
  const key = JSON.stringify([constants, offset, table, place], (_, x) =>
    typeof x === 'number' ? (Object.is(x, -0) ? '-0' : String(x)) : x,
  );
  const last = found.get(compiled);
  if (last?.key === key) return last.states;
  const states = findTiles(...call);
  found.set(compiled, { key, states });
  return states;
}

/** The table that was made last, of each list of modifiers: the layers of a model ask for the same. */
const found = new WeakMap<object, { readonly key: string; readonly states: Uint8Array }>();

function findTiles(
  { parsed }: Pick<CompiledModifiers, 'parsed'>,
  { modifiers, offset }: Pick<AttentionParams, 'modifiers' | 'offset'>,
  table: TileTable,
  place: Readonly<Record<'b' | 'h', Interval>>,
): Uint8Array {
  const { Lq, n, rows, groups, tiles } = table;
  const states = new Uint8Array(groups * tiles).fill(UNKNOWN);
  const masks = modifiers.flatMap(({ kind, constants = {} }, i) => {
    if (kind !== 'mask') return [];
    const own = Object.entries(constants).map(([name, x]) => [`constants.${name}`, [x, x]] as const);
    return [{ statements: parsed[i]!, names: new Map<string, Interval>([...Object.entries(place), ...own]) }];
  });
  const sight = (q: Interval, k: Interval): Sight => {
    let all: Sight = 'seen';
    for (const { statements, names } of masks) {
      const found = sightOf(statements, names.set('q', q).set('k', k));
      if (found === 'hidden') return found;
      if (found === 'unknown') all = found;
    }
    return all;
  };
  const blocks = Math.ceil(Lq / Tile.queries);
  const queue: Area[] = [[0, blocks, 0, tiles]];
  // bounds that say nothing must not cost more than looking
  const most = 400 + 16 * (blocks + tiles);
  for (let at = 0; at < queue.length && at < most; at++) {
    const [block, blockEnd, tile, tileEnd] = queue[at]!;
    const last = Math.min(Lq, blockEnd * Tile.queries) - 1;
    const seen = sight(
      [offset + block * Tile.queries, offset + last],
      [tile * Tile.keys, Math.min(n, tileEnd * Tile.keys) - 1],
    );
    if (seen !== 'unknown') {
      const end = Math.min(groups, (blockEnd * Tile.queries) / rows);
      for (let group = (block * Tile.queries) / rows; group < end; group++)
        states.fill(seen === 'seen' ? ALL_SEEN : HIDDEN, group * tiles + tile, group * tiles + tileEnd);
    } else if (blockEnd - block > 1 || tileEnd - tile > 1) queue.push(...halves(queue[at]!));
  }
  return states;
}

function halves([block, blockEnd, tile, tileEnd]: Area): readonly [Area, Area] {
  if ((blockEnd - block) * Tile.queries > (tileEnd - tile) * Tile.keys || tileEnd - tile === 1) {
    const middle = (block + blockEnd) >> 1;
    return [
      [block, middle, tile, tileEnd],
      [middle, blockEnd, tile, tileEnd],
    ];
  }
  const middle = (tile + tileEnd) >> 1;
  return [
    [block, blockEnd, tile, middle],
    [block, blockEnd, middle, tileEnd],
  ];
}
