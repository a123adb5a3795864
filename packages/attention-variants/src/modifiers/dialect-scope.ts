import type { Modifier } from '@headwise/tensor';

/** What is in scope at one place of a modifier, and how to refuse what is there. */
export interface Scope {
  readonly source: string;
  readonly kind: Modifier['kind'];
  readonly params: ReadonlySet<string>;
  readonly constants: ReadonlySet<string>;
  /** Local variables, of this block and the ones around it. */
  readonly locals: Map<string, 'let' | 'const' | 'loop'>;
  /** Every name that was ever declared: one function, one meaning of a name. */
  readonly declared: Set<string>;
}
