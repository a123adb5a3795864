/** What is drawn from, as StrykerJS describes a mutant. */
export interface Mutant {
  readonly id: string;
  readonly fileName: string;
  readonly location: { readonly start: { readonly line: number; readonly column: number } };
}
export function drawn<One extends Mutant>(mutants: readonly One[], count: number, seed: number): One[];
