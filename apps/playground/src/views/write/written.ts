import {
  type AttentionVariant,
  ModifierError,
  maskModifier,
  scoreModifier,
  softmaxVariant,
} from '@headwise/attention-variants';
import { hostModifier, type Modifier } from '@headwise/tensor';
import {
  dependsOnHead,
  namePattern,
  variantSource,
  variantTest,
  type WrittenScore,
} from 'headwise/templates';

/** What the form holds, as typed. */
export interface Typed {
  readonly name: string;
  readonly score: string;
  readonly mask: string;
  /** `W=4, slope=0.5` */
  readonly constants: string;
  readonly causal: boolean;
  /** Most tokens that a layer keeps; 0 for all. */
  readonly keep: number;
}

/** Where a person looks for the fault. */
export type Field = 'name' | 'score' | 'mask' | 'constants' | 'keep';

/** One thing that is wrong with what was typed. */
export interface Problem {
  readonly field: Field;
  /** From 1; of the modifiers. */
  readonly line?: number | undefined;
  readonly column?: number | undefined;
  readonly problem: string;
  readonly cure: string;
}

/** Names that stand for something else in the file of a variant. */
const taken = [
  'Hkv',
  'causal',
  'scale',
  'Lq',
  'Lk',
  'pairs',
  'sees',
  'seenPairs',
  'options',
  'scoreSource',
  'maskSource',
];
const reserved =
  /^(?:break|case|catch|class|const|continue|debugger|default|delete|do|else|enum|export|extends|false|finally|for|function|if|implements|import|in|instanceof|interface|let|new|null|package|private|protected|public|return|static|super|switch|this|throw|true|try|typeof|var|void|while|with|yield|Math|Infinity|NaN)$/;

/** `W=4, slope=0.5` as numbers by name. @returns problems in words, with what could be read. */
export function readConstants(text: string): {
  readonly constants: Readonly<Record<string, number>>;
  readonly problems: readonly Problem[];
} {
  const constants: Record<string, number> = {};
  const problems: Problem[] = [];
  const bad = (problem: string, cure: string): void =>
    void problems.push({ field: 'constants', problem, cure });
  for (const part of text.split(/[,;\n]/).map((each) => each.trim())) {
    if (part === '') continue;
    const [, name, value] = /^([A-Za-z_$][\w$]*)\s*=\s*(\S+)$/.exec(part) ?? [];
    if (name === undefined || !Number.isFinite(Number(value)))
      bad(`“${part}” is no constant`, 'Write W=4, slope=0.5.');
    else if (reserved.test(name) || taken.includes(name))
      bad(`${name} stands for something else`, 'Give it another name.');
    else if (name in constants) bad(`${name} is there twice`, 'Keep one of them.');
    else constants[name] = Number(value);
  }
  return { constants, problems };
}

/** What was typed as a variant is made of it, and everything that is wrong with it. Nothing of it runs. Never throws. */
export function readTyped(typed: Typed): {
  readonly written: WrittenScore;
  readonly problems: readonly Problem[];
} {
  const { constants, problems: ofConstants } = readConstants(typed.constants);
  const [score, mask] = [typed.score.trim(), typed.mask.trim()];
  const keep = typed.keep;
  const problems: Problem[] = [...ofConstants];
  if (!namePattern.test(typed.name))
    problems.push({
      field: 'name',
      problem: `“${typed.name}” is no name of a variant`,
      cure: 'Words of small letters with hyphens between: sparse-sink.',
    });
  if (!Number.isSafeInteger(keep) || keep < 0)
    problems.push({
      field: 'keep',
      problem: `a layer cannot keep ${keep} tokens`,
      cure: 'A whole number, or 0 for all.',
    });
  if (score === '' && mask === '')
    problems.push({
      field: 'mask',
      problem: 'there is neither a score nor a mask',
      cure: 'Write one of them.',
    });
  const written: WrittenScore = {
    ...(score !== '' && { score }),
    ...(mask !== '' && { mask }),
    constants,
    causal: typed.causal,
    ...(keep > 0 && { cap: keep }),
  };
  for (const kind of ['score', 'mask'] as const) {
    const source = written[kind];
    if (source === undefined) continue;
    try {
      modifierOf(kind, source, constants);
    } catch (error) {
      problems.push(problemOf(kind, error, typed[kind]));
    }
  }
  return { written, problems };
}

function problemOf(field: 'score' | 'mask', error: unknown, typed: string): Problem {
  if (!ModifierError.isInstance(error))
    return { field, problem: String((error as Error).message ?? error), cure: '' };
  // what was cut off in front moves the lines of the message
  const before = typed.slice(0, typed.length - typed.trimStart().length);
  const lines = before.split('\n').length - 1;
  const columns = before.length - (before.lastIndexOf('\n') + 1);
  return {
    field,
    line: error.line + lines,
    column: error.line === 1 ? error.column + columns : error.column,
    problem: error.problem,
    cure: error.cure,
  };
}

/** @throws {ModifierError} if it leaves the dialect. */
export function modifierOf(
  kind: 'score' | 'mask',
  source: string,
  constants: Readonly<Record<string, number>>,
): Modifier {
  return kind === 'score' ? scoreModifier(source, constants) : maskModifier(source, constants);
}

/**
 * The variant that the file has, made here: the same parts, the same cost.
 * @throws {ModifierError} if a modifier leaves the dialect.
 */
export function variantOf(name: string, written: WrittenScore): AttentionVariant {
  const { score, mask, constants, causal, cap } = written;
  const sources = { score, mask };
  const modifiersOf = (numbers: Readonly<Record<string, number>>): readonly Modifier[] =>
    (['score', 'mask'] as const).flatMap((kind) => {
      const source = sources[kind];
      return source === undefined ? [] : [modifierOf(kind, source, numbers)];
    });
  const numbersOf = (options: object): Record<string, number> =>
    Object.fromEntries(Object.keys(constants).map((key) => [key, (options as Record<string, number>)[key]!]));
  let last: { readonly key: string; readonly modifiers: readonly Modifier[] } | undefined;
  return softmaxVariant({
    name,
    title: name,
    summary: 'Written in the playground.',
    paper: { title: 'Written in the playground', authors: 'Nobody', year: new Date().getFullYear() },
    defaults: {
      Hkv: undefined as number | undefined,
      causal,
      scale: undefined as number | undefined,
      ...constants,
    },
    ...(cap !== undefined && { cap: () => cap }),
    score: (options) => {
      const numbers = numbersOf(options);
      const key = JSON.stringify(numbers);
      if (last?.key !== key) last = { key, modifiers: modifiersOf(numbers) };
      return { causal: options.causal, scale: options.scale, modifiers: last.modifiers };
    },
    ...(mask !== undefined && {
      pairs: (Lq: number, Lk: number, options: { readonly causal: boolean }) =>
        seenPairs(modifierOf('mask', mask, numbersOf(options)), dependsOnHead(mask), Lq, Lk, options.causal),
    }),
  });
}

/** Heads that are looked at where a mask differs from head to head; those of the kit. */
export const HEADS = 4;

function seenPairs(mask: Modifier, everyHead: boolean, Lq: number, Lk: number, causal: boolean): number {
  const sees = hostModifier(mask);
  const heads = Array.from({ length: everyHead ? HEADS : 1 }, (_, h) => h);
  let pairs = 0;
  for (let q = Math.max(0, Lk - Lq); q < Lk; q++)
    for (let k = 0; k < (causal ? q + 1 : Lk); k++) if (heads.some((h) => sees(0, h, q, k) !== 0)) pairs++;
  return pairs;
}

/** The file of the variant and its test, as `headwise new variant` writes them, with what was typed in them. Never throws. */
export function filesOf(
  name: string,
  written: WrittenScore,
): readonly { readonly path: string; readonly text: string }[] {
  return [
    { path: `${name}.ts`, text: variantSource(name, '@headwise/attention-variants', written) },
    {
      path: `${name}.test.ts`,
      text: variantTest(name, {
        kit: '@headwise/attention-variants/conformance',
        variant: `./${name}.ts`,
        golden: `../golden/${name}.json`,
      }),
    },
  ];
}
