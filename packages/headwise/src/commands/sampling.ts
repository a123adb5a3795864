import {
  type Chain,
  chain,
  draw,
  type Filter,
  greedy,
  minP,
  temperature,
  topK,
  topP,
} from '@headwise/sampling';
import { numeric, type Options, text, whole } from '../arguments.ts';

/** How ids are chosen, as asked for. */
export interface Sampling {
  readonly chain: Chain;
  /** 0 for greedy. */
  readonly temperature: number;
  readonly seed: number | undefined;
}

/**
 * Reads the sampling options: temperature, then top-k, top-p and min-p in Hugging Face's order, then a draw.
 * Temperature 0 takes the best id; options that then change nothing are noted.
 */
export function readSampling(options: Options, note: (text: string) => void): Sampling {
  const t = numeric(options, 'temperature', (value) => value >= 0 && value < Infinity, 'a number ≥ 0') ?? 0;
  const k = whole(options, 'top-k', 1);
  const share = (value: number): boolean => value > 0 && value <= 1;
  const p = numeric(options, 'top-p', share, 'in (0, 1]');
  const min = numeric(options, 'min-p', share, 'in (0, 1]');
  const seed = whole(options, 'seed', 0);
  if (t === 0) {
    const idle = ['top-k', 'top-p', 'min-p', 'seed'].filter((name) => text(options, name) !== undefined);
    if (idle.length > 0)
      note(`--${idle.join(', --')} changes nothing at temperature 0; --temperature 0.8 would draw`);
    return { chain: chain(greedy()), temperature: 0, seed: undefined };
  }
  const filters: Filter[] = [
    ...(t === 1 ? [] : [temperature(t)]),
    ...(k === undefined ? [] : [topK(k)]),
    ...(p === undefined ? [] : [topP(p)]),
    ...(min === undefined ? [] : [minP(min)]),
  ];
  return { chain: chain(...filters, draw()), temperature: t, seed };
}
