/**
 * How a text is cut into words before bytes are merged, by `tokenizer.ggml.pre`: expressions one after the other, each
 * of which cuts out what it finds of what the one before has left; and two habits that hang on the name.
 */
export interface WordRules {
  readonly expressions: readonly RegExp[];
  /** A word that is a piece is taken whole, whatever the merges. */
  readonly wholeWords?: boolean;
  /** `bos` goes in front where the file does not say. */
  readonly begins?: boolean;
}

const gpt2 = /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+/gu;
const digit = /\p{N}/gu;
const contraction = "'(?:[sS]|[tT]|[rR][eE]|[vV][eE]|[mM]|[lL][lL]|[dD])";

/** GPT-4's words and their descendants: so many digits at once. */
const gpt4 = (digits: string): RegExp =>
  new RegExp(
    String.raw`${contraction}|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}${digits}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`,
    'gu',
  );

/** GPT-4o's: capitals begin a word. */
const gpt4o = (digits: string, ending: string): RegExp => {
  const [upper, lower] = [String.raw`[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]`, String.raw`[\p{Ll}\p{Lm}\p{Lo}\p{M}]`];
  const before = String.raw`[^\r\n\p{L}\p{N}]?`;
  return new RegExp(
    String.raw`${before}${upper}*${lower}+${ending}|${before}${upper}+${lower}*${ending}|\p{N}${digits}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`,
    'gu',
  );
};

const ofGpt2: WordRules = { expressions: [gpt2] };
const singleDigits: WordRules = { expressions: [digit, gpt2] };
const ofLlama3: WordRules = { expressions: [gpt4('{1,3}')], wholeWords: true, begins: true };
const ofQwen2: WordRules = { expressions: [gpt4('')] };
const ofGpt4o: WordRules = { expressions: [gpt4o('{1,3}', `(?:${contraction})?`)] };

/** The rules by their names in llama.cpp, `src/llama-vocab.cpp`. */
export const wordRules: Readonly<Record<string, WordRules>> = {
  'gpt-2': ofGpt2,
  'phi-2': ofGpt2,
  'modern-bert': ofGpt2,
  exaone4: ofGpt2,
  jais: ofGpt2,
  mellum: ofGpt2,
  mpt: ofGpt2,
  olmo: ofGpt2,
  trillion: ofGpt2,
  smollm: singleDigits,
  codeshell: singleDigits,
  'command-r': singleDigits,
  exaone: singleDigits,
  'minerva-7b': singleDigits,
  refact: singleDigits,
  starcoder: singleDigits,
  'llama-bpe': ofLlama3,
  llama3: ofLlama3,
  'llama-v3': ofLlama3,
  falcon3: ofLlama3,
  lfm2: ofLlama3,
  pixtral: ofLlama3,
  dbrx: { expressions: [gpt4('{1,3}')] },
  'smaug-bpe': { expressions: [gpt4('{1,3}')] },
  'chatglm-bpe': { expressions: [gpt4('{1,3}')] },
  glm4: { expressions: [gpt4('{1,3}')] },
  qwen2: ofQwen2,
  'deepseek-r1-qwen': ofQwen2,
  hunyuan: ofQwen2,
  megrez: ofQwen2,
  stablelm2: ofQwen2,
  'gpt-4o': ofGpt4o,
  llama4: ofGpt4o,
  tekken: { expressions: [gpt4o('', '')], wholeWords: true, begins: true },
  falcon: {
    expressions: [/[\p{P}$+<=>^~|`]+/gu, gpt2, /[0-9][0-9][0-9]/gu],
  },
  'deepseek-coder': {
    expressions: [/[\r\n]/gu, /\s?\p{L}+/gu, /\s?\p{P}+/gu, /[一-龥ࠀ-一가-퟿]+/gu, digit],
  },
  'deepseek-v3': {
    expressions: [
      /\p{N}{1,3}/gu,
      /[一-龥぀-ゟ゠-ヿ]+/gu,
      /[!"#$%&'()*+,\-./:;<=>?@[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+/gu,
    ],
  },
};

/** The words of a text. Never throws. */
export function wordsOf(text: string, { expressions }: WordRules): string[] {
  return expressions.reduce(
    (parts, expression) => parts.flatMap((part) => isolated(part, expression)),
    text === '' ? [] : [text],
  );
}

function isolated(text: string, expression: RegExp): string[] {
  const parts: string[] = [];
  let from = 0;
  for (const found of text.matchAll(expression)) {
    if (found[0] === '') continue;
    if (found.index > from) parts.push(text.slice(from, found.index));
    parts.push(found[0]);
    from = found.index + found[0].length;
  }
  if (from < text.length) parts.push(text.slice(from));
  return parts;
}
