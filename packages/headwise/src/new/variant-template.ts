/** `sparse-sink` → `sparseSink`: the name of an export, from that of a file. Never throws. */
export function camelOf(name: string): string {
  return name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
}

/** `sparse-sink` → `Sparse sink`. Never throws. */
export function titleOf(name: string): string {
  const words = name.replaceAll('-', ' ');
  return `${words.slice(0, 1).toUpperCase()}${words.slice(1)}`;
}

/** What a name must be: `sparse-sink`. */
export const namePattern: RegExp = /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/;

/** What a new variant says until somebody says it, so that a check can tell what is left. */
export const placeholders = {
  title: 'Title of the paper',
  authors: 'Authors',
  summary: 'What it saves or costs, in one sentence.',
} as const;

/**
 * The file of a variant that computes what multi-head attention does, with the places where it will differ. Never throws.
 *
 * @param from the module that has `softmaxVariant`
 */
export function variantSource(name: string, from: string): string {
  const year = new Date().getFullYear();
  return `import { softmaxVariant } from '${from}';

/**
 * What it is, and what it saves or costs.
 *
 * \`\`\`text
 * s = q · kᵀ / √D        the formula, with what differs from multi-head attention
 * \`\`\`
 *
 * @see ${placeholders.authors} ${year}, "${placeholders.title}", section, {@link https://arxiv.org/abs/…}
 */
export const ${camelOf(name)} = softmaxVariant({
  name: '${name}',
  title: '${titleOf(name)}',
  summary: '${placeholders.summary}',
  paper: { title: '${placeholders.title}', authors: '${placeholders.authors}', year: ${year} },
  defaults: {
    /** Key/value heads; \`undefined\` for as many as there are query heads. */
    Hkv: undefined as number | undefined,
    /** Query at position p sees keys at positions ≤ p. */
    causal: true,
    /** Multiplies the dot products; \`undefined\` for \`1 / √D\`. */
    scale: undefined as number | undefined,
  },
  // the declared parts of the score: window, prefix, segments, sinkTokens, softcap, modifiers
  score: ({ causal, scale }) => ({ causal, scale }),
});
`;
}

/**
 * Its test: the kit, with golden values as soon as there are some. Never throws.
 *
 * @param paths the modules of the kit and of the variant, and the golden file, as the test names them
 */
export function variantTest(
  name: string,
  paths: { readonly kit: string; readonly variant: string; readonly golden: string },
): string {
  const id = camelOf(name);
  return `import { existsSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { checkVariant, type GoldenFile } from '${paths.kit}';
import { ${id} } from '${paths.variant}';

// values that another program computed: the paper's code, another library, a script of yours
const file = new URL('${paths.golden}', import.meta.url);
const golden = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as GoldenFile) : undefined;

// options small enough that a window or a segment ends within 9 tokens
checkVariant(${id}, { options: {}, ...(golden && { golden }) });

it('is finished', () => {
  const { summary, paper } = ${id};
  const left = {
    'summary: what it saves or costs': summary === '${placeholders.summary}',
    'paper: title, authors, year, arXiv number': paper.title === '${placeholders.title}',
    'golden case: ${paths.golden}, values of another program': golden === undefined,
  };
  const open = Object.keys(left).filter((what) => left[what as keyof typeof left]);
  expect(open, ['left:', ...open].join('\\n  ')).toEqual([]);
});

// below: what is true of this variant only
`;
}
