import { normalize, type Range } from './expression.ts';

/** Groups of code points that are one letter to an expression with the flag `i`, by each of their members. */
type Folding = ReadonlyMap<number, readonly number[]>;

const foldings = new Map<boolean, Folding>();

/** The ranges with every other case of their letters, as the engine's own expressions with `i` (or `iu`) see it. */
export function foldCase(ranges: readonly Range[], unicode: boolean): readonly Range[] {
  let folding = foldings.get(unicode);
  if (!folding) foldings.set(unicode, (folding = readFolding(unicode)));
  const folded: Range[] = [...ranges];
  const add = (points: readonly number[]) => {
    for (const point of points) folded.push([point, point]);
  };
  for (const [first, last] of ranges) {
    if (last - first < folding.size) {
      for (let point = first; point <= last; point++) add(folding.get(point) ?? []);
    } else for (const [point, others] of folding) if (first <= point && point <= last) add(others);
  }
  return normalize(folded);
}

/** The engine is asked which letters it takes for each other: its tables are those of its version of Unicode. */
function readFolding(unicode: boolean): Folding {
  const alike = new Map<string, number[]>();
  for (let point = 0x41; point <= 0x1ffff; point++) {
    if (point >= 0xd800 && point <= 0xdfff) continue;
    const char = String.fromCodePoint(point);
    const lower = char.toLowerCase();
    const key = lower.toUpperCase();
    if (key === char && lower === char) continue;
    const group = alike.get(key);
    if (group) group.push(point);
    else alike.set(key, [point]);
  }
  const folding = new Map<number, number[]>();
  for (const points of alike.values()) {
    for (const point of points) {
      const own = new RegExp(`^${String.fromCodePoint(point)}$`, unicode ? 'iu' : 'i');
      const others = points.filter((other) => other !== point && own.test(String.fromCodePoint(other)));
      if (others.length > 0) folding.set(point, others);
    }
  }
  return folding;
}
