import {
  chain,
  createSampler,
  draw,
  drawDescending,
  dry,
  gumbelMax,
  minP,
  mirostat2,
  repetitionPenalty,
  type Sampler,
  temperature,
  topK,
  topP,
  typical,
  xtc,
} from '../index.ts';

/** Tokens of several chains from one seed, over logits made of exact fractions: what every platform must give. */
export function seededRun(): Readonly<Record<string, readonly number[]>> {
  const row = Float32Array.from({ length: 1000 }, (_, i) => ((i * 7919) % 1009) / 64 - 8);
  const run = (sampler: Sampler) => {
    const ids: number[] = [];
    for (let i = 0; i < 12; i++) ids.push(sampler.sample(row, { ids }));
    return ids;
  };
  const seed = 20_261_121;
  return {
    common: run(createSampler(chain(temperature(0.8), topK(40), topP(0.95), minP(0.05), draw()), { seed })),
    llama: run(
      createSampler(
        chain(dry({ multiplier: 0.8 }), typical(0.9), xtc({ probability: 0.5 }), drawDescending()),
        { seed },
      ),
    ),
    gumbel: run(createSampler(chain(repetitionPenalty(1.3), temperature(3), gumbelMax()), { seed })),
    mirostat: run(createSampler(chain(temperature(2), mirostat2({ tau: 4 })), { seed })),
  };
}

/** What {@link seededRun} gave when it was written. */
export const wantedRun: Readonly<Record<string, readonly number[]>> = {
  common: [343, 376, 198, 376, 554, 99, 66, 343, 521, 864, 831, 897],
  llama: [475, 475, 310, 719, 614, 192, 198, 614, 620, 719, 634, 765],
  gumbel: [574, 398, 120, 33, 14, 457, 510, 594, 133, 88, 737, 173],
  mirostat: [963, 686, 831, 864, 132, 277, 521, 310, 831, 376, 620, 620],
};
