/**
 * Every so many-th of a list in the order of files and lines, from a start that the seed says: N of them, or all.
 *
 * @template {import("./drawn.mjs").Mutant} One
 * @param {readonly One[]} mutants
 * @param {number} count
 * @param {number} seed a whole number
 * @returns {One[]}
 */
export function drawn(mutants, count, seed) {
  const inOrder = [...mutants].sort(
    (a, b) =>
      (a.fileName < b.fileName ? -1 : Number(a.fileName > b.fileName)) ||
      a.location.start.line - b.location.start.line ||
      a.location.start.column - b.location.start.column ||
      Number(a.id) - Number(b.id),
  );
  if (count >= inOrder.length) return inOrder;
  const every = inOrder.length / count;
  // multiples of the golden section spread as evenly as any, however many seeds are tried
  const start = ((seed * 0.618_033_988_749_895) % 1) * every;
  return Array.from({ length: count }, (_, i) => inOrder[Math.floor(start + i * every)]);
}
