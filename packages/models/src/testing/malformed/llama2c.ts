import { toLlama2c } from '../checkpoint.ts';
import { bytes, type Case, type Changes, casesOf, joined, tensors } from './case.ts';

const file = toLlama2c(tensors, true);
const header = ['dim', 'hidden_dim', 'n_layers', 'n_heads', 'n_kv_heads', 'vocab_size', 'seq_len'];

function withSize(name: string, value: number): Uint8Array {
  const copy = file.slice();
  new DataView(copy.buffer).setInt32(4 * header.indexOf(name), value, true);
  return copy;
}

const withNumber = (at: number, value: number): Uint8Array => {
  const copy = file.slice();
  new DataView(copy.buffer).setFloat32(at, value, true);
  return copy;
};

const files: Changes<Uint8Array> = {
  'whole and right': [file],
  'a head of its own': [
    toLlama2c(new Map([...tensors, ['lm_head.weight', tensors.get('model.embed_tokens.weight')!]]), false),
  ],
  'no bytes at all': [new Uint8Array(0), /truncated: 0 bytes/],
  'the header alone': [file.slice(0, 28), /its header needs \d+ bytes, the file has 28/],
  'half of the header': [file.slice(0, 14), /truncated: 14 bytes/],
  'half of it': [file.slice(0, file.length >> 1), /its header needs/],
  'a byte too few': [file.slice(0, -1), /its header needs/],
  'a byte too many': [joined(file, new Uint8Array(1)), /its header needs/],
  zeros: [new Uint8Array(1024), /dim = 0/],
  'a later version': [joined(Uint8Array.of(0x32, 0x34, 0x6b, 0x61), file.subarray(4)), /version 1 or later/],
  'a text': [
    bytes('This is a text and no model, however long it may be.'),
    /makes no model|header needs|no heads/,
  ],
  'a table with a NaN': [withNumber(28, NaN), /embed_tokens\.weight" must hold finite numbers/],
  'a table with an infinity': [
    withNumber(28 + 64, -Infinity),
    /embed_tokens\.weight" must hold finite numbers/,
  ],
  ...Object.fromEntries(
    header.flatMap((name) =>
      [0, -1, -(2 ** 31), 2 ** 31 - 1, 7].map((value) => [
        `${name} ${value}`,
        [withSize(name, value), new RegExp(`${name} = |header needs|no heads`)] as const,
      ]),
    ),
  ),
};

/** Of `.bin` files of llama2.c. */
export function llama2cCases(): Case[] {
  return casesOf('llama2.c', files, (content) => ({ files: { 'model.bin': content }, main: 'model.bin' }));
}
