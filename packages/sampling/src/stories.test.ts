import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  type Chain,
  chain,
  createSampler,
  createXorshift,
  draw,
  drawDescending,
  generate,
  greedy,
  temperature,
  topP,
} from './index.ts';
import { readLlama2c } from './testing/llama2c.ts';
import { findShared } from './testing/shared.ts';

interface Golden {
  readonly greedy: readonly { readonly prompt_ids: number[]; readonly generated_ids: number[] }[];
  readonly sampled: {
    readonly cases: readonly {
      readonly prompt: string;
      readonly temperature: number;
      readonly topp: number;
      readonly seed: number;
      readonly prompt_ids: number[];
      readonly generated_ids: number[];
    }[];
  };
}

const folder = findShared('conformance/models/stories260K');
if (!folder)
  console.log(
    'stories260K: skipped, there is no shared/conformance/models/stories260K beside the repository',
  );

/** The sampler of llama2.c's run.c. */
function llama2c(T: number, p: number): Chain {
  return p <= 0 || p >= 1 ? chain(temperature(T), draw()) : chain(temperature(T), topP(p), drawDescending());
}

describe.skipIf(!folder)('a trained model of 260 thousand parameters', () => {
  const { greedy: greedyRuns, sampled }: Golden = folder
    ? JSON.parse(readFileSync(`${folder}/golden.json`, 'utf8'))
    : { greedy: [], sampled: { cases: [] } };

  const tokens = async (recipe: Chain, prompt: readonly number[], count: number, seed: number) => {
    const model = readLlama2c(readFileSync(`${folder}/stories260K.bin`));
    const sampler = createSampler(recipe, { random: createXorshift(seed) });
    const run = generate(
      (ids, { position }) => {
        let logits = new Float32Array(0);
        ids.forEach((id, i) => {
          logits = model.forward(id, position + i) as Float32Array<ArrayBuffer>;
        });
        return logits;
      },
      { prompt, sampler, maxTokens: count },
    );
    return (await run.finish()).ids;
  };

  it.each(sampled.cases)(
    'draws the tokens of llama2.c after "$prompt" (T $temperature, p $topp, seed $seed)',
    async (golden) => {
      const recipe = llama2c(golden.temperature, golden.topp);
      const got = await tokens(recipe, golden.prompt_ids, golden.generated_ids.length, golden.seed);
      expect(got).toEqual(golden.generated_ids);
    },
  );

  it('is greedy as llama2.c is', async () => {
    const [golden] = greedyRuns;
    const got = await tokens(chain(greedy()), golden!.prompt_ids, golden!.generated_ids.length, 1);
    expect(got).toEqual(golden!.generated_ids);
  });
});
