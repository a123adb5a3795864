import { type AttentionVariant, configure } from '@headwise/attention-variants';
import { variants } from '@headwise/attention-variants/registry';
import { choicesOf } from '../choices.ts';

/** What a menu needs of each variant. */
export interface VariantEntry {
  readonly name: string;
  readonly title: string;
  readonly summary: string;
  readonly defaults: Readonly<Record<string, unknown>>;
  readonly choices: Readonly<Record<string, readonly string[]>>;
}

/** A shape that every variant fits. */
const SMALL = { E: 16, H: 4, D: 8, layers: 4 };

/** What counts in hundreds of tokens begins smaller: the shown text is short. */
const SHOWN_TOKENS = 8;

/** Variants that can decode a text, for menus and forms. */
export function variantEntries(): readonly VariantEntry[] {
  return (Object.values(variants) as AttentionVariant[])
    .filter(({ needsSource }) => !needsSource)
    .map((variant) => {
      const { name, title, summary, defaults } = variant;
      const choices = choicesOf(defaults, (given) => configure(variant, given).check(SMALL));
      return { name, title, summary, defaults: { ...defaults, ...shownOptions(name) }, choices };
    });
}

/** Options that begin smaller than their defaults. Never throws. */
export function shownOptions(name: string): Record<string, unknown> {
  const all: Readonly<Record<string, AttentionVariant>> = variants;
  const defaults = Object.hasOwn(all, name) ? all[name]!.defaults : {};
  return Object.fromEntries(
    Object.entries(defaults)
      .filter(([, value]) => Number.isInteger(value) && (value as number) >= 16)
      .map(([key]) => [key, SHOWN_TOKENS]),
  );
}
