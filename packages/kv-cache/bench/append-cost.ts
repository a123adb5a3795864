import {
  type Device,
  gather,
  keep,
  type LayerSpec,
  scope,
  type Tensor,
  tensor,
  zeros,
} from '@headwise/tensor';
import { type Cache, createContiguous, createPaged, createQuantized, createRing } from '../src/index.ts';

/** What one append costs, at the two sizes that are compared. */
export interface AppendCost {
  readonly device: string;
  readonly emulated: boolean;
  readonly cache: string;
  /** Tokens in the cache, and microseconds of one append to it: the median of the rounds. */
  readonly small: { readonly tokens: number; readonly microseconds: number };
  readonly large: { readonly tokens: number; readonly microseconds: number };
  /** Large over small, from medians; and of each round, in order. */
  readonly ratio: number;
  readonly ratios: readonly number[];
  /** Microseconds of a kernel that reads one row of the cache: what gpu.js itself does with its arguments. */
  readonly launch: { readonly small: number; readonly large: number };
}

const SMALL = 256;
const LARGE = 16_384;
const HEADS = 2;
const WIDTH = 64;
const ROUNDS = 21;

const rows = { k: [HEADS, WIDTH], v: [HEADS, WIDTH] } as const;
const full: LayerSpec = { kind: 'full', rows, cap: Infinity, constant: {} };

const caches: Readonly<Record<string, (device: Device, tokens: number) => Cache>> = {
  contiguous: (device, tokens) => createContiguous({ device, spec: full, B: 1, capacity: tokens + 64 }),
  ring: (device, tokens) =>
    createRing({ device, spec: { ...full, kind: 'window', cap: tokens }, B: 1, capacity: tokens }),
  paged: (device, tokens) => createPaged({ device, spec: full, B: 1, capacity: tokens + 64 }),
  quantized: (device, tokens) => createQuantized({ device, spec: full, B: 1, capacity: tokens + 64 }),
};

/** Measures every cache on a device: rounds of both sizes in turn, so that a slow moment hits both. */
export async function measureAppends(
  device: Device,
  tell: (cost: AppendCost) => void,
  appends = 200,
): Promise<void> {
  for (const [name, create] of Object.entries(caches)) {
    const small = await fill(create(device, SMALL), SMALL);
    const large = await fill(create(device, LARGE), LARGE);
    const token = rowsOf(device, 1);
    const times: [number, number][] = [];
    for (let round = -3; round < ROUNDS; round++) {
      const pair: [number, number] = [
        await timeAppends(small, token, appends),
        await timeAppends(large, token, appends),
      ];
      if (round >= 0) times.push(pair);
    }
    const [before, after] = [0, 1].map((side) => median(times.map((pair) => pair[side]!))) as [
      number,
      number,
    ];
    tell({
      device: device.name,
      emulated: device.details.emulated === 'true',
      cache: name,
      small: { tokens: SMALL, microseconds: before },
      large: { tokens: LARGE, microseconds: after },
      ratio: after / before,
      ratios: times.map(([a, b]) => b / a),
      launch: { small: await timeLaunches(small, 20), large: await timeLaunches(large, 20) },
    });
    for (const tensor of Object.values(token)) tensor.dispose();
    small.dispose();
    large.dispose();
  }
}

function rowsOf(device: Device, L: number): Readonly<Record<string, Tensor>> {
  const one = (): Tensor => keep(zeros(device, [1, L, HEADS, WIDTH]));
  return { k: one(), v: one() };
}

/** As long as the clock needs: filled, and past the end of a ring. */
async function fill(cache: Cache, tokens: number): Promise<Cache> {
  const { device } = cache.view().rows.k!;
  for (let from = 0; from < tokens; from += SMALL) {
    const some = rowsOf(device, SMALL);
    cache.append(some);
    for (const tensor of Object.values(some)) tensor.dispose();
  }
  await device.settled();
  return cache;
}

/** Microseconds of one append of one token, the rows being on the device. */
async function timeAppends(
  cache: Cache,
  token: Readonly<Record<string, Tensor>>,
  appends: number,
): Promise<number> {
  const { device } = token.k!;
  const start = cache.length;
  await device.settled();
  let spent = 0;
  for (let done = 0; done < appends; done += 32) {
    const some = Math.min(32, appends - done);
    const from = performance.now();
    for (let n = 0; n < some; n++) cache.append(token);
    await device.settled();
    spent += performance.now() - from;
    if (cache.spec.kind !== 'window') cache.crop(start);
    await device.settled();
  }
  return (spent * 1000) / appends;
}

/** Microseconds of a kernel over the rows of the cache that computes next to nothing. */
async function timeLaunches(cache: Cache, launches: number): Promise<number> {
  const { k } = cache.view().rows;
  const ids = tensor(k!.device, Int32Array.of(0), [1]);
  const table = k!.reshape([k!.shape[1]!, HEADS * WIDTH]);
  const launch = (): void => scope(() => void gather(table, ids));
  launch();
  await k!.device.settled();
  const from = performance.now();
  for (let n = 0; n < launches; n++) launch();
  await k!.device.settled();
  const spent = performance.now() - from;
  ids.dispose();
  table.dispose();
  return (spent * 1000) / launches;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)]!;
}

/** A line of a table. */
export function format({ device, emulated, cache, small, large, ratio, ratios, launch }: AppendCost): string {
  const us = (value: number): string => value.toFixed(value < 10 ? 2 : 0).padStart(6);
  const sorted = [...ratios].sort((a, b) => a - b);
  const spread = `${sorted[Math.floor(ratios.length * 0.1)]!.toFixed(2)} … ${sorted[Math.floor(ratios.length * 0.9)]!.toFixed(2)}`;
  return [
    `${device}${emulated ? ' (emulated)' : ''}`.padEnd(38),
    cache.padEnd(11),
    `${us(small.microseconds)} ${us(large.microseconds)}`,
    ratio.toFixed(2).padStart(6),
    `(${spread})`.padEnd(15),
    `${us(launch.small)} ${us(launch.large)}`,
  ].join('  ');
}

export const heading = [
  'device'.padEnd(38),
  'cache'.padEnd(11),
  'append, µs   ',
  ' ratio',
  '(p10 … p90)'.padEnd(15),
  'kernel over it, µs',
].join('  ');
