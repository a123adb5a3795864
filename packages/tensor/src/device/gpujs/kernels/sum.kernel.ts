const TERMS = 8;

/** What a kernel with `longSum` needs to know of the length of its sum: constants, and a part of its form. */
export function sumForm(length: number) {
  return { constants: { turns: Math.floor(length / TERMS) }, rest: length % TERMS };
}

/**
 * Statements that declare `name`, the sum of many numbers: eight at a time, and of these sums what each addition loses
 * is taken along (Kahan 1965). One f32 after the other is wrong by up to n · 2^-25 of a sum of n positive numbers,
 * this by some 2^-23 whatever n is; a GPU may compile the correction away, and is then 8 times better than one by one.
 * What is lost on the way to infinity is not a number, so that a sum without the correction is kept beside it.
 *
 * @param term statements that declare `name` as the number at `index`
 */
export function longSum(name: string, rest: number, term: (name: string, index: string) => string): string {
  const some = (count: number, first: string, prefix: string): string => {
    const terms = Array.from({ length: count }, (_, n) => `${prefix}${n}`);
    return `
      ${terms.map((each, n) => term(each, `${first} + ${n}`)).join('\n      ')}
      ${addLong(name, terms, prefix)}
      ${name}Plain = ${name}Plain + ${prefix}Sum;`;
  };
  return `let ${name} = 0.0; let ${name}Lost = 0.0; let ${name}Plain = 0.0;
    for (let t = 0; t < this.constants.turns; t++) {${some(TERMS, `t * ${TERMS}`, 'a')}
    }${rest > 0 ? some(rest, `this.constants.turns * ${TERMS}`, 'z') : ''}
    if (${name} !== ${name}) { ${name} = ${name}Plain; }`;
}

/** Statements that add numbers to `name`, and what that loses to `nameLost`; locals begin with `prefix`. */
export function addLong(name: string, terms: readonly string[], prefix: string): string {
  return `const ${prefix}Sum = ${tree(terms)};
      const ${prefix}Part = ${prefix}Sum - ${name}Lost;
      const ${prefix}Next = ${name} + ${prefix}Part;
      ${name}Lost = (${prefix}Next - ${name}) - ${prefix}Part;
      ${name} = ${prefix}Next;`;
}

/** `(a + b) + (c + d)` */
function tree(terms: readonly string[]): string {
  if (terms.length === 1) return terms[0]!;
  const half = Math.ceil(terms.length / 2);
  return `(${tree(terms.slice(0, half))} + ${tree(terms.slice(half))})`;
}
