import { expect, it } from 'vitest';
import golden from '../../golden/little-stories.json' with { type: 'json' };
import { headwise } from '../testing/run.ts';

it('tells the story of "Once upon a time", and returns', async () => {
  const { code, out } = await headwise(['introduce']);
  expect(code).toBe(0);
  const words = (text: string): string => text.split(/\s+/).join(' ');
  expect(words(out)).toContain(words(golden.greedy[1]!.text));
  expect(out).toMatch(/A Llama of 344928 parameters \(4 layers, 6 query heads over 2 key\/value heads\)/);
  for (const line of out.split('\n')) expect(line.length).toBeLessThan(110);
});
