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

/** A score that somebody has written: modifiers in the portable dialect, and what goes with them. */
export interface WrittenScore {
  /** `function (s, b, h, q, k) { … }`; none when left out. */
  readonly score?: string | undefined;
  /** `function (b, h, q, k) { … }`; none when left out. */
  readonly mask?: string | undefined;
  /** Names that the modifiers use beside their parameters; they become options of the variant. */
  readonly constants: Readonly<Record<string, number>>;
  readonly causal: boolean;
  /** Most tokens a layer keeps; all when left out. */
  readonly cap?: number | undefined;
}

/**
 * The file of a variant that computes what multi-head attention does, with the places where it will differ, or what
 * somebody has written there. Never throws.
 *
 * @param from the module that has `softmaxVariant`
 */
export function variantSource(name: string, from: string, written?: WrittenScore): string {
  const year = new Date().getFullYear();
  const own = written && ownParts(written);
  return `${own ? own.imports(from) : `import { softmaxVariant } from '${from}';\n`}
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
    causal: ${written?.causal ?? true},
    /** Multiplies the dot products; \`undefined\` for \`1 / √D\`. */
    scale: undefined as number | undefined,
${own?.defaults ?? ''}  },
${
  own?.score ??
  `  // the declared parts of the score: window, prefix, segments, sinkTokens, softcap, modifiers
  score: ({ causal, scale }) => ({ causal, scale }),
`
}});
${own?.functions ?? ''}`;
}

/** Heads that the cost looks at where a mask differs from head to head: those of the kit. */
const HEADS = 4;

/** What written modifiers add to the file of a variant. */
function ownParts({ score, mask, constants, cap }: WrittenScore): {
  readonly imports: (from: string) => string;
  readonly defaults: string;
  readonly score: string;
  readonly functions: string;
} {
  const uses = (source: string): string[] =>
    Object.keys(constants).filter((name) => new RegExp(`(?<![\\w$.])${name}(?![\\w$])`).test(source));
  const made = (kind: 'score' | 'mask', source: string): string => {
    const names = uses(source);
    return `${kind}Modifier(${kind}Source${names.length > 0 ? `, { ${names.join(', ')} }` : ''})`;
  };
  const sources = { score, mask };
  const kinds = (['score', 'mask'] as const).filter((kind) => sources[kind]);
  const modifiers = kinds.map((kind) => made(kind, sources[kind]!));
  const all = Object.keys(constants);
  const takes = (names: readonly string[]): string => `{ ${names.join(', ')} }`;
  const inMask = mask ? uses(mask) : [];
  return {
    imports: (from) => {
      const names = [...kinds.map((kind) => `${kind}Modifier`).sort(), 'softmaxVariant'];
      const tensor = mask ? "\nimport { hostModifier } from '@headwise/tensor';" : '';
      const texts = kinds.map((kind) => `const ${kind}Source = ${quoted(sources[kind]!)};\n`).join('');
      const why = '\n// text, and no functions: a minifier or a coverage tool would rewrite them\n';
      return `import { ${names.join(', ')} } from '${from}';${tensor}\n${texts && `${why}${texts}`}`;
    },
    defaults: all
      .map((name) => `    /** A number of the modifiers. */\n    ${name}: ${constants[name]},\n`)
      .join(''),
    score: [
      cap === undefined
        ? ''
        : `  // what a layer keeps: no query may look further back\n  cap: () => ${cap},\n`,
      `  score: (${takes(['causal', 'scale', ...all])}) => ({ causal, scale, modifiers: [${modifiers.join(', ')}] }),\n`,
      mask ? `  pairs: (Lq, Lk, options) => seenPairs(Lq, Lk, options),\n` : '',
    ].join(''),
    functions: mask
      ? `
/** Pairs of a query and a key that the mask lets through${dependsOnHead(mask) ? `, in any of ${HEADS} heads` : ''}: the cost counts them. */
function seenPairs(Lq: number, Lk: number, ${takes(['causal', ...inMask])}: ${takes(['causal: boolean', ...inMask.map((name) => `${name}: number`)]).replaceAll(', ', '; ')}): number {
  const sees = hostModifier(${made('mask', mask)});
  let pairs = 0;
  for (let q = Math.max(0, Lk - Lq); q < Lk; q++)
    for (let k = 0; k < (causal ? q + 1 : Lk); k++)
      if (${dependsOnHead(mask) ? `[${Array.from({ length: HEADS }, (_, h) => h).join(', ')}].some((h) => sees(0, h, q, k) !== 0)` : 'sees(0, 0, q, k) !== 0'}) pairs++;
  return pairs;
}
`
      : '',
  };
}

/** Whether a mask reads its second parameter, the head. Never throws. */
export function dependsOnHead(mask: string): boolean {
  const [, head] = /^\s*function\s*\w*\s*\(\s*\w+\s*,\s*(\w+)/.exec(mask) ?? [];
  return head !== undefined && new RegExp(`\\b${head}\\b`).test(mask.slice(mask.indexOf(')')));
}

function quoted(text: string): string {
  return `\`${text.replace(/[\\`]|\$\{/g, '\\$&')}\``;
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
