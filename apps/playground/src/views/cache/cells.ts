import type { Frame, SlotPicture, StatePicture } from './picture.ts';

/** Slots as they lie in memory, or tokens as they stand in the text. */
export type Order = 'slots' | 'tokens';

/** What a cell shows. */
export interface CellPicture {
  readonly kind: 'held' | 'empty' | 'gone';
  /** What is written into it where there is room. */
  readonly label: string;
  /** From 0 to 1. */
  readonly size: number;
  readonly fresh: boolean;
  readonly read: boolean;
  readonly packed: boolean;
  readonly sink: boolean;
  /** A gap stands before it: a page begins. */
  readonly page: boolean;
  /** In a sentence. */
  readonly words: string;
}

/** The cells of one state. `tokens` are all of the text, `most` the largest size of any slot of the run. */
export function cellsOf(
  state: StatePicture,
  { length }: Pick<Frame, 'length'>,
  order: Order,
  { tokens, most }: { readonly tokens: readonly string[]; readonly most: number },
): readonly CellPicture[] {
  const { slots, paging } = state;
  if (slots.length === 0) return [];
  const at = (slot: SlotPicture, n: number, token: number): CellPicture => ({
    kind: slot.token < 0 ? 'empty' : 'held',
    label: slot.token < 0 ? '' : String(order === 'slots' ? token : n),
    size: most > 0 ? slot.size / most : 0,
    fresh: slot.fresh,
    read: slot.read === true,
    packed: slot.packed,
    sink: slot.token >= 0 && slot.token < state.sinks,
    page: order === 'slots' && paging !== undefined && n > 0 && n % paging.blockSize === 0,
    words: wordsOf(slot, n, state, tokens),
  });
  if (order === 'slots') return slots.map((slot, n) => at(slot, n, slot.token));
  const byToken = new Map(slots.map((slot, n) => [slot.token, { slot, n }]));
  return tokens.map((text, token) => {
    const found = byToken.get(token);
    if (found) return at(found.slot, found.n, token);
    const gone = token < length;
    return {
      kind: gone ? 'gone' : 'empty',
      label: '',
      size: 0,
      fresh: false,
      read: false,
      packed: false,
      sink: false,
      page: false,
      words: gone ? `token ${token} ‘${text}’ is forgotten` : `token ${token} has not come yet`,
    };
  });
}

function wordsOf(
  { token, position, fresh, read, weight, packed, size }: SlotPicture,
  n: number,
  { paging, recounted, sinks }: StatePicture,
  tokens: readonly string[],
): string {
  const place = paging
    ? `block ${paging.table[Math.floor(n / paging.blockSize)] ?? '–'}, row ${n % paging.blockSize}`
    : `slot ${n}`;
  if (token < 0) return `${place} is empty`;
  const parts = [
    `${place} holds token ${token} ‘${tokens[token] ?? ''}’`,
    recounted && `counted as position ${position}`,
    token < sinks && 'a sink, never forgotten',
    fresh && 'written by this step',
    read === true && `read by this step with a weight of up to ${weight!.toFixed(3)}`,
    read === false && 'not read by this step',
    packed && 'packed',
    `mean size ${size.toFixed(3)}`,
  ];
  return parts.filter(Boolean).join(', ');
}

/** A state in a line: what stores it, how full it is, what is forgotten. */
export function lineOf({ cache, slots, evicted, producer, constants, paging, bytes }: StatePicture): string {
  if (producer !== undefined) return `reads layer ${producer.split('.')[0]}, keeps nothing`;
  if (constants.length > 0 || slots.length === 0)
    return `${cache}: ${constants.map(({ name, shape }) => `${name} ${shape.join('·')}`).join(', ')}, ${bytes.used.toLocaleString('en')} B whatever the length`;
  const held = slots.filter(({ token }) => token >= 0);
  const packed = held.filter(({ packed: few }) => few).length;
  const parts = [
    `${cache}: ${held.length} of ${slots.length} slots`,
    evicted.length > 0 && `${evicted.length} tokens forgotten`,
    packed > 0 && `${packed} packed`,
    paging && `blocks ${paging.table.join(' ') || 'none'} of ${paging.blocks}`,
  ];
  return parts.filter(Boolean).join(', ');
}

/** What a step did, in a sentence with its numbers. */
export function sentenceOf({ text, length, states, generated }: Frame): string {
  const sum = (of: (state: StatePicture) => number): number =>
    states.reduce((total, each) => total + of(each), 0);
  const used = sum(({ bytes }) => bytes.used);
  const predicted = sum((state) => state.predicted.bytes);
  const forgotten = Math.max(...states.map(({ evicted }) => evicted.length));
  const number = (value: number): string => value.toLocaleString('en');
  return [
    `Token ${length - 1} ‘${text}’ ${generated ? 'was generated' : 'is the prompt’s'} and has been read.`,
    `${states.length} layers use ${number(used)} B, ${used === predicted ? 'exactly what the formula says' : `the formula says ${number(predicted)} B`}.`,
    forgotten > 0 ? `${forgotten} of ${length} tokens are forgotten.` : 'Nothing is forgotten.',
    `A step reads ${number(4 * sum(({ reads }) => reads))} B of it.`,
  ].join(' ');
}
