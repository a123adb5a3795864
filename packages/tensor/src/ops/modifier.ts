/**
 * User code inside attention, in the manner of FlexAttention: a plain function of scalars, kept as source text
 * because a consumer's minifier or coverage tool may rewrite functions.
 *
 * - `score(s, b, h, q, k)` returns the new score of query position `q` and key position `k`.
 * - `mask(b, h, q, k)` returns 1 where the key may be seen and 0 where not.
 *
 * The dialect (what gpu.js compiles on every mode): one `function` expression, numbers only, `Math.*`, `if`, `for`
 * from literal 0, no closures, no booleans as result, no `continue`. The names in `constants` are in scope.
 */
export interface Modifier {
  readonly kind: 'score' | 'mask';
  /** `function (b, h, q, k) { return k <= q ? 1 : 0; }` */
  readonly source: string;
  readonly constants?: Readonly<Record<string, number>>;
}

/**
 * The modifier as a host function: what the reference runs and what draws the pictures.
 *
 * @throws {SyntaxError} if the source is no function expression, or a constant's name is no name.
 */
export function hostModifier({ source, constants = {} }: Modifier): (...scalars: number[]) => number {
  return new Function(...Object.keys(constants), `return (${source});`)(...Object.values(constants));
}
