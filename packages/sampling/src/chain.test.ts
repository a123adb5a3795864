import { expect, it } from 'vitest';
import {
  type Chain,
  type Choice,
  chain,
  draw,
  type Filter,
  greedy,
  mirostat2,
  temperature,
  topK,
} from './index.ts';

it('takes filters, then one choice', () => {
  const { filters, choice }: Chain = chain(temperature(0.8), topK(40), draw());
  expect(filters.map(({ name }) => name)).toEqual(['temperature', 'top-k']);
  expect(choice.name).toBe('draw');
  expect(chain(greedy()).filters).toEqual([]);
});

it('does not compile, and does not run, in an order that makes no sense', () => {
  // @ts-expect-error a filter after the choice
  expect(() => chain(draw(), topK(40))).toThrow(
    'chain: a choice may only come last, found draw (a choice) at place 1 of 2',
  );
  // @ts-expect-error two choices
  expect(() => chain(topK(40), draw(), mirostat2())).toThrow(
    'chain: a choice may only come last, found draw',
  );
  // @ts-expect-error no choice
  expect(() => chain(temperature(1), topK(40))).toThrow(
    'chain: the last rule must be a choice such as draw(), found top-k (a filter) at place 2 of 2',
  );
  // @ts-expect-error nothing at all
  expect(() => chain()).toThrow('chain: a chain needs at least a choice; add draw() or greedy()');
  // @ts-expect-error the function itself instead of what it makes
  expect(() => chain(topK, draw())).toThrow(
    'chain: takes rules, found a function at place 1 of 2; call it, as in topK(40)',
  );
});

it('takes lists of filters that are put together at run time', () => {
  const some: Filter[] = [temperature(1), topK(3)];
  const last: Choice = draw();
  expect(chain(...some, last).filters).toHaveLength(2);
});
