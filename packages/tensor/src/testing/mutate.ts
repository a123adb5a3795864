import { seededBits } from '../random.ts';

/** A whole number below n; `randomIndex` of a seed is one. */
export type Pick = (n: number) => number;

/** Whole numbers below `n`, the same for a seed on every platform and run. Never throws. */
export function randomIndex(seed: number): Pick {
  const bits = seededBits(seed);
  return (n) => Math.floor((bits() / 2 ** 32) * n);
}

const deep = (levels: number): unknown => {
  let value: unknown = 1;
  for (let level = 0; level < levels; level++) value = [value];
  return value;
};

/** What stands in a file where something else should: of every type, at every edge, long, deep and with bad names. */
const hostile: readonly unknown[] = [
  null,
  true,
  false,
  0,
  -0,
  -1,
  1,
  0.5,
  3,
  1e9,
  2 ** 31,
  2 ** 32,
  2 ** 53 - 1,
  2 ** 53,
  1e300,
  -1e300,
  '',
  '1',
  'constructor',
  '__proto__',
  'toString',
  '\u001b[2J\u202e',
  'x'.repeat(20_000),
  [],
  [1],
  [-1],
  [0.5],
  ['a', 'b'],
  Array(3000).fill(7),
  {},
  { length: 3 },
  { length: 0, every: 1 },
  deep(5),
  deep(3000),
];
const names = ['constructor', '__proto__', 'length', 'toString', '', '0', '7', '\u202e', 'n'.repeat(9000)];

/** The same value, as JSON text, with one place of it changed: replaced, removed, renamed, repeated or off by one. Never throws. */
export function mutateJson(value: unknown, pick: Pick): string {
  const places: (readonly (string | number)[])[] = [];
  const visit = (at: unknown, path: readonly (string | number)[]): void => {
    places.push(path);
    if (typeof at !== 'object' || at === null || path.length > 8) return;
    const keys = Array.isArray(at) ? [...at.keys()].slice(0, 12) : Object.keys(at);
    for (const key of keys) visit((at as Record<string | number, unknown>)[key], [...path, key]);
  };
  visit(value, []);
  const [key, ...rest] = places[pick(places.length)]!.toReversed();
  if (key === undefined) return JSON.stringify(hostile[pick(hostile.length)]);
  return textOf(value, rest.toReversed(), (entries) => {
    const at = entries.findIndex(([name]) => name === String(key));
    const [name, old] = entries[at]!;
    const other = JSON.stringify(hostile[pick(hostile.length)]);
    switch (pick(6)) {
      case 0:
        return entries.filter((_, i) => i !== at);
      case 1: {
        const renamed = names[pick(names.length)]!;
        return entries.map((entry, i) => (i === at ? ([renamed, old] as const) : entry));
      }
      case 2:
        return [...entries, [name, pick(2) === 0 ? old : other]];
      case 3: {
        const number = Number(old);
        const near = Number.isFinite(number) ? JSON.stringify(number + (pick(2) === 0 ? 1 : -1)) : other;
        return entries.map((entry, i) => (i === at ? ([name, near] as const) : entry));
      }
      default:
        return entries.map((entry, i) => (i === at ? ([name, other] as const) : entry));
    }
  });
}

type Entries = readonly (readonly [name: string, json: string])[];

/** The JSON of a value in which the entries of the object or list at a path are others; a name may stand twice. */
function textOf(
  value: unknown,
  path: readonly (string | number)[],
  change: (entries: Entries) => Entries,
): string {
  const isList = Array.isArray(value);
  const [key, ...rest] = path;
  const entries: Entries = Object.entries(value as object).map(([name, item]) => [
    name,
    key !== undefined && name === String(key) ? textOf(item, rest, change) : JSON.stringify(item),
  ]);
  const written = key === undefined ? change(entries) : entries;
  if (isList) return `[${written.map(([, json]) => json).join(',')}]`;
  return `{${written.map(([name, json]) => `${JSON.stringify(name)}:${json}`).join(',')}}`;
}

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

const words = [0, 1, -1, 2 ** 31 - 1, -(2 ** 31), 0x7fc00000, 0x7f800000, 2 ** 24 + 1, 255, 65_536];

/** The same bytes with one piece of them changed: flipped, cut, overwritten, inserted, repeated or left out. Never throws. */
export function mutateBytes(bytes: Uint8Array, pick: Pick): Uint8Array {
  const at = pick(pick(2) === 0 ? Math.min(bytes.length, 64) : bytes.length);
  const piece = bytes.slice(at, at + 1 + pick(16));
  const copy = bytes.slice();
  switch (pick(6)) {
    case 0:
      copy[at]! ^= 1 << pick(8);
      return copy;
    case 1:
      return bytes.slice(0, at);
    case 2: {
      const word = new Uint8Array(Int32Array.of(words[pick(words.length)]!).buffer);
      copy.set(word.subarray(0, Math.min(4, copy.length - at)), at);
      return copy;
    }
    case 3:
      return joined(bytes.slice(0, at), piece, bytes.slice(at));
    case 4:
      return joined(bytes.slice(0, at), bytes.slice(at + piece.length));
    default:
      return joined(bytes.slice(0, at), Uint8Array.of(pick(256), pick(256)), bytes.slice(at));
  }
}
