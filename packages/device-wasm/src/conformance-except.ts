import { opCases } from '@headwise/tensor/testing';

const modifiers =
  'score and mask modifiers are user code, which fused kernels cannot run; supports() says so';
const withModifiers = /modifier|in hidden keys/;

/** Cases of the device kit that this device refuses, with the reason. */
export const refused: Readonly<Record<string, string>> = Object.fromEntries(
  opCases
    .map(({ op, name }) => `${op} ${name}`)
    .filter((title) => withModifiers.test(title))
    .map((title) => [title, modifiers]),
);
