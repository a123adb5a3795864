import { bytes, type Case, type Changes, casesOf, folder } from './case.ts';

type Json = Record<string, unknown>;

/** A byte-level BPE of 20 pieces, as `tokenizer.json` has it. */
export const bpe = (): Json => ({
  version: '1.0',
  truncation: null,
  padding: null,
  added_tokens: [
    {
      id: 0,
      content: '<unk>',
      special: true,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
    },
    {
      id: 1,
      content: '<s>',
      special: true,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
    },
    {
      id: 2,
      content: '</s>',
      special: true,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
    },
  ],
  normalizer: null,
  pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
  post_processor: null,
  decoder: { type: 'ByteLevel' },
  model: {
    type: 'BPE',
    dropout: null,
    unk_token: null,
    vocab: Object.fromEntries(
      ['<unk>', '<s>', '</s>', ...'abcdefghijk', 'Ġ', 'ab', 'cd', 'abcd', 'Ġa', 'ef'].map((piece, id) => [
        piece,
        id,
      ]),
    ),
    merges: ['a b', 'c d', 'ab cd', 'Ġ a', 'e f'],
  },
});

/** The same as WordPiece, and as Unigram. */
const wordPiece = (): Json => ({
  ...bpe(),
  pre_tokenizer: { type: 'BertPreTokenizer' },
  decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
  model: {
    type: 'WordPiece',
    unk_token: '<unk>',
    continuing_subword_prefix: '##',
    max_input_chars_per_word: 100,
    vocab: Object.fromEntries(
      ['<unk>', '<s>', '</s>', 'abcd', 'ab', '##cd', ...'abcd'].map((piece, id) => [piece, id]),
    ),
  },
});
const unigram = (): Json => ({
  ...bpe(),
  pre_tokenizer: { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always' },
  decoder: { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always' },
  model: {
    type: 'Unigram',
    unk_id: 0,
    vocab: ['<unk>', '<s>', '</s>', '▁', 'abcd', 'ab', 'cd', ...'abcd'].map((piece, id) => [piece, -id]),
  },
});

type Change = (json: Json) => void;
const of =
  (make: () => Json) =>
  (change: Change): string => {
    const json = make();
    change(json);
    return JSON.stringify(json);
  };
const changed = of(bpe);
const model = (field: string, value: unknown, make = bpe): string =>
  of(make)((json) => {
    (json.model as Json)[field] = value;
  });
const step = (name: string, value: unknown): string =>
  changed((json) => Object.assign(json, { [name]: value }));
const vocab = (change: (vocab: Record<string, unknown>) => void, make = bpe): string =>
  of(make)((json) => change((json.model as Json).vocab as Record<string, unknown>));
const added = (...tokens: readonly unknown[]): string =>
  changed((json) => (json.added_tokens as unknown[]).push(...tokens));
const text = JSON.stringify(bpe());

/** Files that are no tokenizer, or contradict themselves. */
const files: Changes<string> = {
  'whole and right': [text],
  'of words': [JSON.stringify(wordPiece())],
  'of pieces with scores': [JSON.stringify(unigram())],
  'no bytes at all': ['', /tokenizer\.json.*not JSON/],
  'half of it': [text.slice(0, text.length / 2), /tokenizer\.json.*not JSON/],
  'a comma too many': [text.replace(/}$/, ',}'), /tokenizer\.json.*not JSON/],
  'a byte order mark': [`\ufeff${text}`, /tokenizer\.json.*byte order mark/],
  'a list': [`[${text}]`, /must be an object with a "model"/],
  null: ['null', /must be an object with a "model"/],
  'an empty object': ['{}', /must be an object with a "model"/],
  'a piece twice': [text.replace('"ab":', '"ab":15,"ab":'), /"ab" stands twice/],
  'a model that is null': [
    changed((json) => Object.assign(json, { model: null })),
    /must be an object with a "model"/,
  ],
  'a model that is a list': [
    changed((json) => Object.assign(json, { model: [] })),
    /must be an object with a "model"/,
  ],
  ...Object.fromEntries(
    ['WordLevel', 'nobody', 'bpe', '', 7].map((type) => [
      `a model of type ${JSON.stringify(type)}`,
      [model('type', type), /model\.type|not supported|model\.vocab|unk_token|unk_id/] as const,
    ]),
  ),
  ...Object.fromEntries(
    [null, [], {}, 'x', 7].map((value) => [
      `a vocabulary that is ${JSON.stringify(value)}`,
      [model('vocab', value), /model\.vocab must be/] as const,
    ]),
  ),
  ...Object.fromEntries(
    [-1, 1.5, '15', null, [15], {}, 2 ** 40].map((id) => [
      `an id of ${JSON.stringify(id)}`,
      [
        vocab((all) => Object.assign(all, { ab: id })),
        /the id of "ab" must be a whole number from 0/,
      ] as const,
    ]),
  ),
  'an id beyond the table': [
    vocab((all) => Object.assign(all, { ef: 20 })),
    /"ef" is 20, and the embedding table has 20 rows/,
  ],
  'an id far beyond the table': [
    vocab((all) => Object.assign(all, { ef: 16_000_000 })),
    /"ef" is 16000000, and the embedding table/,
  ],
  'two pieces of one id': [vocab((all) => Object.assign(all, { ef: 15 })), /id 15 is both "ab" and "ef"/],
  'a hole in the ids': [vocab((all) => delete all.k)],
  ...Object.fromEntries(
    ['a', 'a b c', '', 7, null, ['a'], ['a', 'b', 'c'], ['a', 7], { a: 'b' }].map((merge) => [
      `the merge ${JSON.stringify(merge)}`,
      [model('merges', [merge]), /model\.merges\[0\]/] as const,
    ]),
  ),
  'merges that are missing': [model('merges', undefined), /model\.merges|model\.type/],
  'merges that are an object': [model('merges', {}), /model\.merges must be a list/],
  'a merge of a piece that is not there': [
    model('merges', ['a b', 'z ab']),
    /model\.merges\[1\].*"z".* is no piece/,
  ],
  'a merge to a piece that is not there': [
    model('merges', ['a b', 'a c']),
    /model\.merges\[1\].*"ac" is no piece/,
  ],
  'merges as pairs': [
    model('merges', [
      ['a', 'b'],
      ['c', 'd'],
    ]),
  ],
  'a part of chance': [model('dropout', 0.1), /model\.dropout/],
  'an unknown piece that is not there': [
    model('unk_token', '<nobody>'),
    /model\.unk_token "<nobody>" is no piece/,
  ],
  'an unknown piece that is a number': [model('unk_token', 7), /model\.unk_token/],
  'words without an unknown piece': [model('unk_token', undefined, wordPiece), /model\.unk_token/],
  'words whose unknown piece is not there': [
    model('unk_token', '[UNK]', wordPiece),
    /model\.unk_token "\[UNK\]" is no piece/,
  ],
  'scores that are missing': [
    model('vocab', ['a', 'b'], unigram),
    /model\.vocab\[0\] must be a piece and its score/,
  ],
  'a score that is a text': [model('vocab', [['a', '0']], unigram), /model\.vocab\[0\]/],
  'a score that is null': [model('vocab', [['a', null]], unigram), /model\.vocab\[0\]/],
  'a piece with scores twice': [
    model(
      'vocab',
      [
        ['a', 0],
        ['a', 1],
      ],
      unigram,
    ),
    /"a" is both 0 and 1/,
  ],
  'an unknown id beyond the pieces': [model('unk_id', 99, unigram), /model\.unk_id/],
  'an unknown id of −1': [model('unk_id', -1, unigram), /model\.unk_id/],
  'added pieces that are an object': [step('added_tokens', {}), /added_tokens must be a list/],
  ...Object.fromEntries(
    [
      null,
      'x',
      {},
      { id: 3 },
      { content: 'x' },
      { id: '3', content: 'x' },
      { id: -1, content: 'x' },
      { id: 3, content: '' },
    ].map((token) => [
      `the added piece ${JSON.stringify(token)}`,
      [added(token), /added_tokens\[3\] must have an "id" and a "content"/] as const,
    ]),
  ),
  'an added piece on the id of another': [
    added({ id: 15, content: '<x>' }),
    /id 15 is both "ab" and, among the added tokens, "<x>"/,
  ],
  'an added piece of two ids': [
    added({ id: 19, content: 'ab' }),
    /"ab" is both 15 and, among the added tokens, 19/,
  ],
  'an added piece beyond the table, in no text': [added({ id: 25, content: '<x>', special: true })],
};

const split = (pattern: unknown): object => ({ type: 'Split', pattern, behavior: 'Isolated', invert: false });

/** Steps that are unknown, or say what they must not. */
const steps: Changes<string> = {
  ...Object.fromEntries(
    (['normalizer', 'pre_tokenizer', 'decoder', 'post_processor'] as const).flatMap((name) =>
      [
        { type: 'Nobody' },
        { type: 'constructor' },
        {},
        [],
        'ByteLevel',
        7,
        { type: 'Sequence' },
        { type: 'Sequence', [`${name}s`]: 7 },
      ].map((value) => [
        `${name} ${JSON.stringify(value)}`,
        [
          step(name, value),
          new RegExp(name === 'post_processor' ? 'post_processor|processors' : name),
        ] as const,
      ]),
    ),
  ),
  'sequences in sequences': [
    step(
      'normalizer',
      Array.from({ length: 40 }).reduce<object>((inner) => ({ type: 'Sequence', normalizers: [inner] }), {
        type: 'NFC',
      }),
    ),
    /normalizer.*deep/,
  ],
  'an expression that is none': [
    step('pre_tokenizer', split({ Regex: '(' })),
    /tokenizer|pre_tokenizer|expression/,
  ],
  'an expression of look-behinds that is none': [
    step('pre_tokenizer', split({ Regex: '(?<=' })),
    /tokenizer/,
  ],
  'a pattern that is a text': [
    step('pre_tokenizer', split('x')),
    /pre_tokenizer\.pattern of a Split must be/,
  ],
  'no pattern': [step('pre_tokenizer', split(undefined)), /pre_tokenizer\.pattern of a Split must be/],
  'a behaviour of nobody': [
    step('pre_tokenizer', { ...split({ String: 'x' }), behavior: 'Nobody' }),
    /behavior/,
  ],
  'a replacement without a content': [
    step('normalizer', { type: 'Replace', pattern: { String: 'x' } }),
    /normalizer\.content/,
  ],
  'a mark of two characters': [
    step('pre_tokenizer', { type: 'Metaspace', replacement: '__' }),
    /replacement/,
  ],
  'a flag that is a text': [
    step('pre_tokenizer', { type: 'ByteLevel', add_prefix_space: 'no' }),
    /add_prefix_space/,
  ],
  'a length of nothing': [step('pre_tokenizer', { type: 'FixedLength', length: 0 }), /length/],
  'a frame of a piece that is not there': [
    step('post_processor', {
      type: 'TemplateProcessing',
      single: [{ SpecialToken: { id: '[CLS]', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }],
      pair: [],
      special_tokens: { '[CLS]': { id: '[CLS]', ids: [1], tokens: ['[CLS]'] } },
    }),
    /post_processor says that "\[CLS\]" is 1/,
  ],
  'a frame of another id': [
    step('post_processor', {
      type: 'TemplateProcessing',
      single: [{ SpecialToken: { id: '<s>', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }],
      pair: [],
      special_tokens: { '<s>': { id: '<s>', ids: [2], tokens: ['<s>'] } },
    }),
    /post_processor says that "<s>" is 2, in the vocabulary it is 1/,
  ],
  'a frame that is no list': [
    step('post_processor', { type: 'TemplateProcessing', single: 'A', special_tokens: {} }),
    /template must be a list/,
  ],
  'a frame of BERT without pieces': [step('post_processor', { type: 'BertProcessing' }), /post_processor/],
  'a frame': [
    step('post_processor', {
      type: 'TemplateProcessing',
      single: [{ SpecialToken: { id: '<s>', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }],
      pair: [],
      special_tokens: { '<s>': { id: '<s>', ids: [1], tokens: ['<s>'] } },
    }),
  ],
};

/** Of `tokenizer_config.json`. */
const settings: Changes<string> = {
  'no JSON': ['{', /tokenizer_config\.json.*not JSON/],
  'a field twice': ['{"bos_token":"<s>","bos_token":"x"}', /"bos_token" stands twice/],
  'a list': ['[]', /tokenizer_config/],
  'begins with a piece that is not there': ['{"bos_token":"<nobody>"}', /bos_token "<nobody>"/],
  'ends with a piece that is not there': ['{"eos_token":{"content":"<nobody>"}}', /eos_token "<nobody>"/],
  'begins with a number': ['{"bos_token":7}', /bos_token/],
  'begins with nothing': ['{"bos_token":null,"eos_token":"</s>"}'],
};

/** What the cases encode: long enough for what takes twice as long for each character more. */
export const prompt = 'abcd '.repeat(8);

/** Of `tokenizer.json` and `tokenizer_config.json`. */
export function tokenizerCases(): Case[] {
  const file = (content: string) => ({ files: folder({ 'tokenizer.json': bytes(content) }) });
  return [
    ...casesOf('tokenizer.json', files, file),
    ...casesOf('tokenizer.json with', steps, file),
    ...casesOf('tokenizer_config.json', settings, (content) => ({
      files: folder({ 'tokenizer.json': text, 'tokenizer_config.json': bytes(content) }),
    })),
  ];
}

/** Whose work has no end: what runs it must have a deadline. */
export function endlessCases(): Case[] {
  const nested = { Regex: '(?:(?:a|b|c|d| )+)+x' };
  const conversation = (chat_template: string) =>
    folder({ 'tokenizer.json': text, 'tokenizer_config.json': { bos_token: '<s>', chat_template } });
  return [
    {
      name: 'tokenizer.json with: an expression that tries without end',
      files: folder({ 'tokenizer.json': step('pre_tokenizer', split(nested)) }),
      says: /stopped after \d+ ms/,
    },
    {
      name: 'a chat template: a loop without end',
      files: conversation(
        '{% for a in range(1000000) %}{% for b in range(1000000) %}{{ a }}{% endfor %}{% endfor %}',
      ),
      says: /stopped after \d+ ms|cannot be used/,
    },
  ];
}

const templates: Changes<unknown> = {
  'as most are': ['{{ bos_token }}{% for m in messages %}{{ m.content }}{% endfor %}'],
  'a text alone': ['abcd'],
  'a block that does not end': ['{% for m in messages %}{{ m.content }}', /chat template/],
  'an end without a block': ['{% endfor %}', /chat template/],
  'an expression that does not end': ['{{ messages', /chat template/],
  'a statement of nobody': ['{% nobody %}', /chat template/],
  'a filter of nobody': ['{{ messages | nobody }}', /chat template/],
  'a variable that is not there': ['{{ nobody.content }}', /chat template/],
  'a function that is not there': ['{{ nobody() }}', /chat template/],
  'its own refusal': ["{{ raise_exception('only with a system') }}", /only with a system/],
  'another file': ["{% include '/etc/passwd' %}", /chat template/],
  'a module': ["{% import 'os' as os %}{{ os.system('true') }}", /chat template/],
  'a constructor': ["{{ messages.constructor.constructor('return process')() }}", /chat template/],
  'a class of Python': ["{{ ''.__class__.__mro__[1].__subclasses__() }}", /chat template/],
  'a number': [7, /chat_template/],
  'an object': [{}, /chat_template/],
  'several with names': [
    [
      { name: 'tools', template: 'x' },
      { name: 'default', template: '{{ bos_token }}abcd' },
    ],
  ],
  'a list with no text': [[{ name: 'default', template: 7 }], /chat_template/],
  'nothing at all': ['', /chat template/],
};

/** Of what writes a conversation; these are run with one. */
export function templateCases(): Case[] {
  return casesOf('a chat template', templates, (chat_template) => ({
    files: folder({ 'tokenizer.json': text, 'tokenizer_config.json': { bos_token: '<s>', chat_template } }),
  }));
}
