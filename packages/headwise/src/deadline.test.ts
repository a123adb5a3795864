import { createHuggingFaceTokenizer, type Deadline, renderChat } from '@headwise/models';
import { Template } from '@huggingface/jinja';
import { Tokenizer } from '@huggingface/tokenizers';
import { expect, it } from 'vitest';
import { deadline } from './deadline.ts';

it('hands back results and errors as they are', () => {
  expect(deadline(() => [1, 2], 600_000)).toEqual([1, 2]);
  expect(() =>
    deadline(() => {
      throw new RangeError('mine');
    }, 600_000),
  ).toThrow(RangeError);
});

it('stops an expression that does not end', () => {
  expect(() => deadline(() => /^(a+)+$/u.test(`${'a'.repeat(60)}!`), 50)).toThrow('stopped after 50 ms');
  const letters = 'abcdefghijklmnopqrstuvwxyz!';
  const json = {
    model: {
      type: 'BPE',
      vocab: Object.fromEntries([...letters].map((letter, i) => [letter, i])),
      merges: [],
    },
    pre_tokenizer: {
      type: 'Split',
      pattern: { Regex: '(?:(?:[a-z])+)+#' },
      behavior: 'Isolated',
      invert: false,
    },
  };
  // work that ends is given all the time that a busy machine may need
  let hangs = false;
  const own: Deadline = (work, milliseconds) => deadline(work, hangs ? milliseconds : 600_000);
  const tokenizer = createHuggingFaceTokenizer({ Tokenizer, json, deadline: own });
  expect(tokenizer.encode('ab')).toEqual([0, 1]);
  hangs = true;
  expect(() => tokenizer.encode('a'.repeat(60))).toThrow(/^tokenizer.json: it was stopped after \d+ ms, /);
  hangs = false;
  expect(tokenizer.encode('ba')).toEqual([1, 0]);
});

it('stops an expression that does not end while the tables are made', () => {
  const json = {
    model: { type: 'BPE', vocab: { a: 0 }, merges: [] },
    added_tokens: [{ id: 1, content: `${'a'.repeat(60)}!`, normalized: true }],
    normalizer: { type: 'Replace', pattern: { Regex: '(?:a+)+#' }, content: '' },
  };
  expect(() => createHuggingFaceTokenizer({ Tokenizer, json, deadline })).toThrow(
    'it was stopped after 2001 ms',
  );
});

it('stops a template that does not end', () => {
  const source =
    '{% for a in range(100000) %}{% for b in range(100000) %}{{ a * b }}{% endfor %}{% endfor %}';
  const options = {
    Template,
    source,
    messages: [],
    tokenizer: { bos: 0, eos: 1, piece: () => '' },
    deadline,
  };
  expect(() => renderChat(options)).toThrow(/^chat template: it was stopped after \d+ ms, /);
});
