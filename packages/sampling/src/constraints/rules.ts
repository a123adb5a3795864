import { describeRule } from '../contract.ts';

/** Descriptions of the constraints, which are built from a matcher and a vocabulary rather than from a name. */
export const regexRule = describeRule({
  name: 'regex',
  formula: 'text + x is the beginning of a match',
  source: {
    title: 'Efficient Guided Generation for Large Language Models',
    authors: 'Willard and Louf',
    year: 2023,
    url: 'https://arxiv.org/abs/2307.09702',
  },
  defaults: {},
});

export const gbnfRule = describeRule({
  name: 'gbnf',
  formula: 'text + x is the beginning of a text of the grammar',
  source: {
    title: 'GBNF Guide',
    authors: 'llama.cpp',
    year: 2023,
    url: 'https://github.com/ggml-org/llama.cpp/blob/master/grammars/README.md',
  },
  defaults: {},
});

export const jsonSchemaRule = describeRule({
  name: 'json-schema',
  formula: 'text + x is the beginning of JSON the schema accepts',
  source: {
    title: 'JSON Schema 2020-12',
    authors: 'Wright et al.',
    year: 2022,
    url: 'https://json-schema.org/draft/2020-12',
  },
  defaults: { space: 'single' as 'none' | 'single' | 'any' },
});
