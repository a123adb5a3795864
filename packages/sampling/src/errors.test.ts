import { expect, it } from 'vitest';
import {
  chain,
  constrain,
  createSampler,
  draw,
  gbnfMatcher,
  generate,
  type JsonSchema,
  jsonSchemaMatcher,
  regexMatcher,
  SamplingError,
  topK,
} from './index.ts';
import { printable } from './printable.ts';
import { chainFromNames, filters } from './registry.ts';

const long = `\u001b]0;owned\u0007\u202e\nsampling: fine${'é'.repeat(100_000)}`;
const step = () => new Float32Array(2);

it.each<readonly [what: string, run: () => unknown]>([
  ['a name', () => chainFromNames(long)],
  ['an option', () => filters['top-k'].create({ [long]: 1 } as object)],
  ['a number', () => topK(long as unknown as number)],
  [
    'a stop string',
    () =>
      generate(step, {
        prompt: [0],
        sampler: chain(draw()),
        maxTokens: 1,
        stopIds: [long as unknown as number],
      }),
  ],
  ['an expression', () => regexMatcher(`(${long.slice(0, 2500)}`)],
  ['a grammar', () => gbnfMatcher(`root ::= ${long}`)],
  ['a schema', () => jsonSchemaMatcher({ type: long } as unknown as JsonSchema)],
  [
    'a text so far',
    () => {
      const pieces = [long, 'x'];
      const sampler = createSampler(chain(constrain(regexMatcher('[^x]*'), { pieces }), draw()), { seed: 1 });
      sampler.accept(0);
      sampler.sample(Float32Array.of(-Infinity, 0));
    },
  ],
])('shows no control character of %s, and stays short', (_, run) => {
  let error: unknown;
  try {
    run();
  } catch (thrown) {
    error = thrown;
  }
  expect(SamplingError.isInstance(error)).toBe(true);
  const { message } = error as SamplingError;
  expect(new TextEncoder().encode(JSON.stringify(message)).length).toBeLessThan(8192);
  expect(message).toBe(printable(message));
  expect(message.split('\n')).toHaveLength(1);
});
