/**
 * What a chain costs beside the cheapest thing one can do with logits: one scan for the maximum.
 * Run with `npx tsx packages/sampling/bench/chain.bench.ts`. Goal: a chain of temperature, top-k 40, top-p,
 * min-p and a draw on 128k logits takes no more than 4 scans.
 */
import {
  type Chain,
  chain,
  createRandom,
  createSampler,
  draw,
  greedy,
  llamaCpp,
  minP,
  temperature,
  topK,
  topP,
} from '../src/index.ts';

const rounds = 60;
const perSample = 20;
/** Results are added up and printed, so that no engine can leave the work out. */
let kept = 0;
const ids = Array.from({ length: 512 }, (_, i) => (i * 7919) % 32_000);

const chains: Readonly<Record<string, Chain>> = {
  greedy: chain(greedy()),
  'temperature, top-k 40, top-p, min-p, draw': chain(
    temperature(0.8),
    topK(40),
    topP(0.95),
    minP(0.05),
    draw(),
  ),
  'llama.cpp defaults': llamaCpp(),
  'llama.cpp with repeat penalty over 64 tokens': llamaCpp({ repeatPenalty: 1.1 }),
  'temperature, top-p, draw (no top-k)': chain(temperature(0.8), topP(0.95), draw()),
  'temperature, min-p, draw (no top-k)': chain(temperature(0.8), minP(0.05), draw()),
};

console.log('| vocabulary | logits | chain | µs | scans |');
console.log('| --- | --- | --- | --- | --- |');
for (const vocabulary of [32_000, 128_000, 256_000]) {
  for (const [kind, logits] of Object.entries(rows(vocabulary))) {
    const scan = () => maximum(logits);
    for (const [name, recipe] of Object.entries(chains)) {
      const sampler = createSampler(recipe, { seed: 1 });
      const history = { ids };
      const run = () => sampler.sample(logits, history);
      const [chainTime, scanTime] = interleaved(run, scan);
      const scans = (chainTime / scanTime).toFixed(2);
      console.log(`| ${vocabulary} | ${kind} | ${name} | ${(chainTime * 1000).toFixed(0)} | ${scans} |`);
    }
  }
}

console.log(`\nchecksum ${kept.toFixed(3)}`);

/** Normal logits, as a model gives them; the same ascending, the worst order for a selection. */
function rows(vocabulary: number): Readonly<Record<string, Float32Array>> {
  const random = createRandom(vocabulary);
  const normal = Float32Array.from({ length: vocabulary }, () => {
    const radius = Math.sqrt(-2 * Math.log(1 - random.next()));
    return 3 * radius * Math.cos(2 * Math.PI * random.next());
  });
  return { normal, ascending: normal.slice().sort() };
}

/** Median milliseconds of one call of each, measured in turns so that a busy machine hits both. */
function interleaved(first: () => unknown, second: () => unknown): readonly [number, number] {
  const times: [number[], number[]] = [[], []];
  for (let round = -5; round < rounds; round++) {
    [first, second].forEach((run, which) => {
      const start = performance.now();
      for (let i = 0; i < perSample; i++) kept += Number(run());
      if (round >= 0) times[which]!.push((performance.now() - start) / perSample);
    });
  }
  return [median(times[0]), median(times[1])];
}

function median(values: number[]): number {
  return values.sort((a, b) => a - b)[values.length >> 1]!;
}

function maximum(logits: Float32Array): number {
  let best = -Infinity;
  for (let i = 0; i < logits.length; i++) if (logits[i]! > best) best = logits[i]!;
  return best;
}
