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

// White_Space rather than \s, to which JavaScript counts U+FEFF and not U+0085
const gpt2 =
  /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\p{White_Space}\p{L}\p{N}]+|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+/gu;
const digit = /\p{N}/gu;
const contraction = "'(?:[sS]|[tT]|[rR][eE]|[vV][eE]|[mM]|[lL][lL]|[dD])";

/** In what GPT-4's descendants differ. */
interface Gpt4Options {
  /** Words that come before all others; default what follows an apostrophe in English. */
  readonly first?: string;
  /** What words are made of, in a class. */
  readonly letters?: string;
  /** Ends of lines that belong to signs before them. */
  readonly afterSigns?: string;
  /** Ends of lines with the space before them. */
  readonly lines?: string;
}

/** GPT-4's words and their descendants: so many digits at once. */
const gpt4 = (
  digits: string,
  {
    first = `${contraction}|`,
    letters = String.raw`\p{L}`,
    afterSigns = String.raw`[\r\n]*`,
    lines = String.raw`[\r\n]+`,
  }: Gpt4Options = {},
): RegExp =>
  new RegExp(
    String.raw`${first}[^\r\n\p{L}\p{N}]?[${letters}]+|\p{N}${digits}| ?[^\p{White_Space}${letters}\p{N}]+${afterSigns}|\p{White_Space}*${lines}|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+`,
    'gu',
  );

/** GPT-4o's: capitals begin a word. */
const gpt4o = (digits: string, ending: string): RegExp => {
  const [upper, lower] = [String.raw`[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]`, String.raw`[\p{Ll}\p{Lm}\p{Lo}\p{M}]`];
  const before = String.raw`[^\r\n\p{L}\p{N}]?`;
  return new RegExp(
    String.raw`${before}${upper}*${lower}+${ending}|${before}${upper}+${lower}*${ending}|\p{N}${digits}| ?[^\p{White_Space}\p{L}\p{N}]+[\r\n/]*|\p{White_Space}*[\r\n]+|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+`,
    'gu',
  );
};

const ofGpt2: WordRules = { expressions: [gpt2] };
const singleDigits: WordRules = { expressions: [digit, gpt2] };
const ofLlama3: WordRules = { expressions: [gpt4('{1,3}')], wholeWords: true, begins: true };
const ofQwen2: WordRules = { expressions: [gpt4('')] };
const ofGpt4o: WordRules = { expressions: [gpt4o('{1,3}', `(?:${contraction})?`)] };
const ofBloom: WordRules = { expressions: [/ ?[^(\p{White_Space}|.,!?…。，、।۔،)]+/gu] };
const ofBailing: WordRules = { expressions: [gpt4('', { lines: String.raw`[\r\n]` })] };
const ofDeepseek3: WordRules = {
  expressions: [
    /\p{N}{1,3}/gu,
    /[一-龥぀-ゟ゠-ヿ]+/gu,
    /[!"#$%&'()*+,\-./:;<=>?@[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\p{White_Space}*[\r\n]+|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+/gu,
  ],
};
// letters with a case as that tokenizer lists them: without Georgian small ones, mathematical ones and later additions
const cased = String.raw`(?![\u0560\u0588\u10c7-\u10ff\u1c80-\u1c8a\u2d00-\u2d2d\ua790-\ua7ff\uab30-\uab6f\u{10570}-\u{105bf}\u{10d50}-\u{10d85}\u{16e40}-\u{16e7f}\u{1d400}-\u{1dfff}])[\p{Lu}\p{Ll}\p{Lt}]`;

/** The rules by their names in llama.cpp, `src/llama-vocab.cpp`. */
export const wordRules: Readonly<Record<string, WordRules>> = {
  'gpt-2': ofGpt2,
  'phi-2': ofGpt2,
  'a.x-4.0': ofGpt2,
  gigachat: ofGpt2,
  'granite-docling': ofGpt2,
  'jina-de': ofGpt2,
  'jina-es': ofGpt2,
  'jina-v2-de': ofGpt2,
  'jina-v2-es': ofGpt2,
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
  mellum2: singleDigits,
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
  f2llmv2: ofQwen2,
  'grok-2': ofQwen2,
  hunyuan: ofQwen2,
  kormo: ofQwen2,
  megrez: ofQwen2,
  'solar-open': ofQwen2,
  stablelm2: ofQwen2,
  'gpt-4o': ofGpt4o,
  kanana2: ofGpt4o,
  llama4: ofGpt4o,
  'minimax-m2': ofGpt4o,
  talkie: ofGpt4o,
  tekken: { expressions: [gpt4o('', '')], wholeWords: true, begins: true },
  falcon: {
    expressions: [/[\p{P}$+<=>^~|`]+/gu, gpt2, /[0-9][0-9][0-9]/gu],
  },
  'deepseek-coder': {
    expressions: [
      /[\r\n]/gu,
      /\p{White_Space}?\p{L}+/gu,
      /\p{White_Space}?\p{P}+/gu,
      /[一-龥ࠀ-一가-퟿]+/gu,
      digit,
    ],
  },
  'deepseek-v3': ofDeepseek3,
  'hunyuan-dense': ofDeepseek3,
  hy_v4: ofDeepseek3,
  'joyai-llm': ofDeepseek3,
  'deepseek-llm': {
    expressions: [
      /[\r\n]/gu,
      new RegExp(String.raw`\p{White_Space}?(?:${cased})+`, 'gu'),
      /\p{White_Space}?[!-/:-~！-／：-～‘-‟　-。]+/gu,
      /\p{White_Space}+$/gu,
      /[一-龥ࠀ-一가-퟿]+/gu,
      /\p{N}+/gu,
    ],
  },
  bloom: ofBloom,
  'gpt3-finnish': ofBloom,
  'poro-chat': ofBloom,
  viking: { expressions: [...ofBloom.expressions, digit] },
  bailingmoe: ofBailing,
  bailingmoe2: ofBailing,
  'llada-moe': ofBailing,
  qwen35: { expressions: [gpt4('', { letters: String.raw`\p{L}\p{M}` })] },
  // what follows an apostrophe belongs to the word in Turkish
  ufakzeka: { expressions: [gpt4('', { first: '' })] },
  'seed-coder': { expressions: [gpt4('', { afterSigns: '' })] },
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
