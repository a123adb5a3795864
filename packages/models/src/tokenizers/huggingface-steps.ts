import { FormatError } from '../errors.ts';
import { shown } from '../formats/json.ts';

export const FORMAT = 'tokenizer.json';

export type Json = Readonly<Record<string, unknown>>;

/** An object of a file, or undefined. */
export function objectOf(value: unknown): Json | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : undefined;
}

/** A rule of a field: whether a value keeps it, and in words. */
type Rule = readonly [(value: unknown) => boolean, string];

const flag: Rule = [
  (value) => value === undefined || value === null || typeof value === 'boolean',
  'true or false',
];
const words: Rule = [(value) => typeof value === 'string', 'a text'];
const count: Rule = [(value) => Number.isSafeInteger(value) && (value as number) >= 0, 'a whole number ≥ 0'];
const size: Rule = [(value) => Number.isSafeInteger(value) && (value as number) >= 1, 'a whole number ≥ 1'];
const mark: Rule = [
  (value) => value === undefined || (typeof value === 'string' && [...value].length === 1),
  'one character',
];
const pattern: Rule = [
  (value) => {
    const json = objectOf(value) ?? {};
    return [json.Regex, json.String].filter((each) => typeof each === 'string' && each !== '').length === 1;
  },
  'a Regex or a String',
];
const oneOf = (...names: string[]): Rule => [
  (value) => value === undefined || names.includes(String(value)),
  `one of ${names.join(', ')}`,
];
const behavior = oneOf('Isolated', 'Removed', 'MergedWithPrevious', 'MergedWithNext', 'Contiguous');
const scheme = oneOf('first', 'always', 'never');
const replacement = { pattern, content: words };

/** The steps that are known, by where they stand, with what they must say. */
const steps: Readonly<Record<string, Readonly<Record<string, Readonly<Record<string, Rule>>>>>> = {
  normalizer: {
    BertNormalizer: { clean_text: flag, handle_chinese_chars: flag, strip_accents: flag, lowercase: flag },
    Lowercase: {},
    NFC: {},
    NFD: {},
    NFKC: {},
    NFKD: {},
    Nmt: {},
    Precompiled: {},
    Prepend: { prepend: words },
    Replace: replacement,
    Strip: { strip_left: flag, strip_right: flag },
    StripAccents: {},
  },
  pre_tokenizer: {
    BertPreTokenizer: {},
    ByteLevel: { add_prefix_space: flag, use_regex: flag },
    Digits: { individual_digits: flag },
    FixedLength: { length: size },
    Metaspace: { replacement: mark, prepend_scheme: scheme, split: flag, add_prefix_space: flag },
    Punctuation: { behavior },
    Split: { pattern, behavior, invert: flag },
    Whitespace: {},
    WhitespaceSplit: {},
  },
  decoder: {
    BPEDecoder: { suffix: words },
    ByteFallback: {},
    ByteLevel: {},
    CTC: { pad_token: words, word_delimiter_token: words, cleanup: flag },
    Fuse: {},
    Metaspace: { replacement: mark, prepend_scheme: scheme, split: flag, add_prefix_space: flag },
    Replace: replacement,
    Strip: { content: mark, start: count, stop: count },
    WordPiece: { prefix: words, cleanup: flag },
  },
};

const lists: Readonly<Record<string, string>> = {
  normalizer: 'normalizers',
  pre_tokenizer: 'pretokenizers',
  decoder: 'decoders',
};
/** Sequences inside sequences. */
const DEEPEST = 16;

/**
 * Reads a step, and those inside a sequence, into what the library does as the reference does.
 *
 * @throws {FormatError} if it is not known, or a field of it is not what it must be.
 */
export function readStep(kind: 'normalizer' | 'pre_tokenizer' | 'decoder', value: unknown): Json | null {
  return value === undefined || value === null ? null : readOne(kind, value, kind, 0);
}

function readOne(kind: string, value: unknown, path: string, depth: number): Json {
  const json = objectOf(value);
  const type = json?.type;
  const list = lists[kind]!;
  if (json && type === 'Sequence') {
    const inside = json[list];
    if (!Array.isArray(inside) || depth === DEEPEST)
      throw new FormatError(FORMAT, `${path} must have a list "${list}", at most ${DEEPEST} deep`);
    return {
      ...json,
      [list]: inside.map((each, i) => readOne(kind, each, `${path}.${list}[${i}]`, depth + 1)),
    };
  }
  const known = steps[kind]!;
  if (!json || typeof type !== 'string' || !Object.hasOwn(known, type))
    throw new FormatError(
      FORMAT,
      `${path} ${json && type === undefined ? 'without a type' : shown(json ? type : value)} is not supported: ${Object.keys(known).join(', ')}, Sequence`,
    );
  for (const [key, [keeps, rule]] of Object.entries(known[type]!))
    if (!keeps(Object.hasOwn(json, key) ? json[key] : undefined))
      throw new FormatError(FORMAT, `${path}.${key} of a ${type} must be ${rule}, it is ${shown(json[key])}`);
  if (kind === 'decoder') return json;
  return kind === 'normalizer' ? portableNormalizer(json) : portableSplit(json);
}

const replace = (regex: string, content: string): Json => ({
  type: 'Replace',
  pattern: { Regex: regex },
  content,
});

/** `Nmt` is unknown to the library; the content of a replacement is no pattern; white space is Unicode's. */
function portableNormalizer(json: Json): Json {
  if (json.type === 'Nmt')
    return {
      type: 'Sequence',
      normalizers: [
        replace('[\\u0001-\\u0008\\u000b\\u000e-\\u001f\\u007f\\u008f\\u009f]', ''),
        replace('[\\t\\n\\u000c\\r\\u1680\\u200b-\\u200f\\u2028\\u2029\\u2581\\ufeff\\ufffd]', ' '),
      ],
    };
  if (json.type === 'Strip') {
    const [left, right] = [json.strip_left !== false, json.strip_right !== false];
    const ends = [...(left ? [replace('\\A\\s+', '')] : []), ...(right ? [replace('\\s+\\z', '')] : [])];
    return { type: 'Sequence', normalizers: ends };
  }
  if (json.type === 'Replace' && typeof json.content === 'string')
    return { ...json, content: json.content.replaceAll('$', '$$$$') };
  return json;
}

/** Radford et al. 2019, `encoder.py`. */
const GPT2_WORDS = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";
const PUNCTUATION = '[\\p{P}!-/:-@\\[-`{-~]';

/**
 * The library knows the behaviours "isolated" and "removed" of a split, and for punctuation, digits and words only the
 * letters of ASCII or one behaviour; its white space has U+FEFF; `Metaspace` it leaves in one.
 */
function portableSplit(json: Json): Json {
  switch (json.type) {
    case 'Split':
      return split(json.pattern, String(json.behavior ?? 'Isolated'), json.invert === true);
    case 'Punctuation':
      return split({ Regex: PUNCTUATION }, String(json.behavior ?? 'Isolated'));
    case 'Digits':
      return split({ Regex: '\\p{N}' }, json.individual_digits === true ? 'Isolated' : 'Contiguous');
    case 'Whitespace':
      return split({ Regex: '\\w+|[^\\w\\s]+' }, 'Removed', true);
    case 'WhitespaceSplit':
      return split({ Regex: '\\s+' }, 'Removed');
    case 'BertPreTokenizer': {
      const words = split({ Regex: '\\s+' }, 'Removed');
      return { type: 'Sequence', pretokenizers: [words, split({ Regex: PUNCTUATION }, 'Isolated')] };
    }
    case 'ByteLevel': {
      if (json.use_regex === false || json.add_prefix_space === true) return json;
      return {
        type: 'Sequence',
        pretokenizers: [split({ Regex: GPT2_WORDS }, 'Isolated'), { ...json, use_regex: false }],
      };
    }
    case 'Metaspace': {
      const mark = String(json.replacement ?? '▁');
      // older files say it so
      const scheme = json.prepend_scheme ?? (json.add_prefix_space === false ? 'never' : 'always');
      const marked = { ...json, prepend_scheme: scheme };
      if (json.split === false) return marked;
      return { type: 'Sequence', pretokenizers: [marked, split({ String: mark }, 'MergedWithNext')] };
    }
    default:
      return json;
  }
}

function split(pattern: unknown, behavior: string, invert = false): Json {
  const { Regex: regex, String: text } = objectOf(pattern) ?? {};
  const source = typeof regex === 'string' ? regex : escaped(text as string);
  const isolated = (whole: string): Json => ({
    type: 'Split',
    pattern: { Regex: whole },
    behavior: 'Isolated',
    invert: false,
  });
  const before = `(?:(?!${source})[\\s\\S])`;
  switch (behavior) {
    case 'Isolated':
      // what is found and what lies between stand alone either way
      return isolated(source);
    case 'Removed':
      return { ...isolated(source), behavior: 'Removed', invert };
    case 'MergedWithPrevious':
      if (!invert) return isolated(`${before}*(?:${source})|${before}+`);
      break;
    case 'MergedWithNext':
      if (!invert) return isolated(`(?:${source})${before}*|${before}+`);
      break;
    case 'Contiguous':
      if (!invert) return isolated(`(?:${source})+`);
      break;
  }
  throw new FormatError(FORMAT, `a split "${behavior}"${invert ? ', inverted,' : ''} is not supported`);
}

function escaped(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
}
