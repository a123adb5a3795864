import {
  type AttentionVariant,
  type ConfiguredVariant,
  configure,
  type LayerShape,
} from '@headwise/attention-variants';
import { UsageError } from './errors.ts';
import type { VariantFacts } from './results.ts';

/** A variant of the run, with its options and its place. */
export interface Subject {
  readonly facts: VariantFacts;
  readonly variant: ConfiguredVariant;
  /** Of the code of one from outside. */
  readonly digest?: string | undefined;
}

/** A variant from outside the registry: `--variant ./mine.ts`. */
export interface OutsideVariant {
  readonly variant: AttentionVariant;
  /** Where it comes from, for messages. */
  readonly file: string;
  /** Changes with the code. */
  readonly digest?: string;
}

export interface SubjectOptions {
  /** Names to keep; all when left out. */
  readonly names?: readonly string[] | undefined;
  readonly outside?: readonly OutsideVariant[] | undefined;
  /** Name of the variant that the others are divided by. Default the first of the registry that takes part. */
  readonly baseline?: string | undefined;
}

/**
 * The variants of a run, in the order of the registry, those from outside after them.
 *
 * @throws {UsageError} for a name that is not known, listing those that are.
 */
export function chooseSubjects(
  registry: Readonly<Record<string, AttentionVariant>>,
  { names, outside = [], baseline }: SubjectOptions = {},
): Subject[] {
  const all = [
    ...Object.values(registry).map((variant) => ({ variant, outside: false, digest: undefined })),
    ...outside.map(({ variant, digest }) => ({ variant, outside: true, digest })),
  ];
  const known = all.map(({ variant }) => variant.name);
  known.forEach((name, i) => {
    if (known.indexOf(name) !== i)
      throw new UsageError(`two variants are called ${name}; give the one from outside another name`);
  });
  for (const name of [...(names ?? []), ...(baseline === undefined ? [] : [baseline])]) {
    if (!known.includes(name)) {
      throw new UsageError(
        `unknown variant ${JSON.stringify(name)}; known: ${known.join(', ')}. A file of your own: --variant ./mine.ts`,
      );
    }
  }
  // one from outside takes part although only names of the registry were given: it was asked for by file
  const chosen = all.filter(
    (entry) =>
      !names || entry.outside || names.includes(entry.variant.name) || entry.variant.name === baseline,
  );
  const first = baseline ?? chosen[0]?.variant.name;
  return chosen.map(({ variant, outside: isOutside, digest }) => ({
    variant: configure(variant),
    ...(digest !== undefined && { digest }),
    facts: {
      name: variant.name,
      title: variant.title,
      summary: variant.summary,
      paper: `${variant.paper.authors} ${variant.paper.year}, “${variant.paper.title}”`,
      order: known.indexOf(variant.name),
      baseline: variant.name === first,
      outside: isOutside,
    },
  }));
}

/** What a layer keeps, in words: its rows a token, its window, its constant state. */
export function keepsOf({ variant }: Subject, shape: LayerShape): string | undefined {
  try {
    variant.check(shape);
    const { kind, rows, cap, constant } = variant.kv(shape, 0);
    const sizes = Object.entries(kind === 'recurrent' ? constant : rows).map(
      ([name, size]) => `${name} [${size.join(', ')}]`,
    );
    const window = kind === 'window' && cap < Infinity ? `, at most ${cap} tokens` : '';
    return `${sizes.join(', ')}${window}${kind === 'recurrent' ? ' in all' : ''}`;
  } catch {
    return undefined; // its rows say why
  }
}
