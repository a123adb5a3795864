import { type HostTensor, numbersOf } from '@headwise/models';
import {
  beamSearch,
  Candidates,
  chain,
  createReplay,
  createSampler,
  draw,
  drawDescending,
  type Explanation,
  epsilon,
  eta,
  type Filter,
  type Found,
  frequencyPenalty,
  gumbelMax,
  logitBias,
  type MirostatState,
  minimumLength,
  minP,
  mirostat2,
  noRepeatNgram,
  presencePenalty,
  repetitionPenalty,
  temperature,
  topK,
  topP,
  typical,
} from '@headwise/sampling';
import type { Got, Runner, Runners } from '../contract.ts';
import { own } from '../own.ts';

/** One entry of a case's `steps`: the rule, its parameter under the rule's own name, and what it looks at. */
interface RuleStep {
  readonly rule: string;
  readonly history?: readonly number[];
  readonly min_tokens_to_keep?: number;
  readonly [parameter: string]: unknown;
}

const builders: Readonly<Record<string, (step: RuleStep) => readonly Filter[]>> = {
  temperature: (step) => [temperature(number(step, 'temperature'))],
  top_k: (step) => [topK(number(step, 'top_k'), keep(step))],
  top_p: (step) => [topP(number(step, 'top_p'), keep(step))],
  min_p: (step) => [minP(number(step, 'min_p'), keep(step))],
  typical_p: (step) => [typical(number(step, 'typical_p'), keep(step))],
  epsilon_cutoff: (step) => [epsilon(number(step, 'epsilon'), keep(step))],
  eta_cutoff: (step) => [eta(number(step, 'epsilon'), keep(step))],
  repetition_penalty: (step) => [repetitionPenalty(number(step, 'repetition_penalty'))],
  frequency_presence: (step) => [
    frequencyPenalty(number(step, 'frequency_penalty')),
    presencePenalty(number(step, 'presence_penalty')),
  ],
  no_repeat_ngram: (step) => [noRepeatNgram(number(step, 'no_repeat_ngram'))],
  logit_bias: (step) => [logitBias(step.logit_bias as Record<number, number>)],
};

/** Steps applied in order: logits after them (−∞ = removed), probabilities, and which tokens are kept. */
const filtering: Runner = async ({ inputs, attributes }) => {
  const candidates = new Candidates().load(logitsOf(inputs.logits!));
  for (const step of attributes.steps as readonly RuleStep[]) {
    const build = own(builders, step.rule);
    if (!build) {
      throw new Error(`sampler: no rule ${step.rule}; known are ${Object.keys(builders).join(', ')}`);
    }
    const context = { ids: step.history ?? [], promptLength: 0, random: createReplay([]) };
    for (const filter of build(step)) filter.apply(candidates, context, filter.start?.());
  }
  const logits = candidates.toLogits();
  const probs = new Float64Array(logits.length);
  for (let i = 0; i < candidates.size; i++) probs[candidates.ids[i]!] = candidates.probability(i);
  const kept = Array.from(logits, (logit) => (logit > -Infinity ? 1 : 0));
  const shape = [logits.length];
  return { logits: { shape, data: logits }, probs: { shape, data: probs }, kept: { shape, data: kept } };
};

/** One token for each given uniform number, running over ids and over descending probabilities. */
const inverseCdf: Runner = async ({ inputs }) => {
  const logits = logitsOf(inputs.logits!);
  const uniforms = [...numbersOf(inputs.uniforms!)];
  const tokens = (choice: ReturnType<typeof draw>) => {
    const sampler = createSampler(chain(choice), { random: createReplay(uniforms) });
    return { shape: [uniforms.length], data: uniforms.map(() => sampler.sample(logits)) };
  };
  return {
    token_id_order: tokens(draw()),
    token_descending: tokens(drawDescending()),
    ...probabilities(logits),
  };
};

/** One token for each row of uniform numbers; removed tokens take no number, so theirs are passed over. */
const gumbel: Runner = async ({ inputs }) => {
  const logits = logitsOf(inputs.logits!);
  const [draws = 0] = inputs.uniforms!.shape;
  const rows = [...numbersOf(inputs.uniforms!)].filter((_, i) => logits[i % logits.length]! > -Infinity);
  const sampler = createSampler(chain(gumbelMax()), { random: createReplay(rows) });
  const data = Array.from({ length: draws }, () => sampler.sample(logits));
  return { token: { shape: [draws], data }, ...probabilities(logits) };
};

/** A trace of Mirostat over one row of logits a step. */
const mirostat: Runner = async ({ inputs, attributes }) => {
  const [steps = 0, vocabulary = 0] = inputs.logits!.shape;
  const rows = logitsOf(inputs.logits!);
  const { tau, eta: rate, mu_initial: mu } = attributes as { tau: number; eta: number; mu_initial?: number };
  const choice = mirostat2({ tau, eta: rate });
  const random = createReplay([...numbersOf(inputs.uniforms!)]).state();
  const start: MirostatState = { mu: mu ?? 2 * tau, surprise: null, kept: null };
  const sampler = createSampler(chain(choice), { state: { random, rules: [start] } });
  const trace = Array.from({ length: steps }, (_, i): Explanation['choice'] => {
    return sampler.explain(rows.slice(i * vocabulary, (i + 1) * vocabulary)).choice;
  });
  const column = (read: (step: Explanation['choice'], state: MirostatState) => number) => ({
    shape: [steps],
    data: trace.map((step) => read(step, step.state as MirostatState)),
  });
  return {
    token: column((step) => step.id),
    mu_after: column((_, state) => state.mu),
    kept: column((_, state) => state.kept!),
    surprise_bits: column((_, state) => state.surprise!),
  };
};

/** More beams than any of the tables has beginnings, so that a search is exhaustive. */
const manyBeams = 20_000;

/** Beams of the given widths and the best of all sequences over a table of transitions. */
const beams: Runner = async ({ inputs, outputs, attributes }) => {
  const { vocab, eos_id: eos } = attributes as { vocab: number; eos_id?: number };
  const length = (attributes.length ?? attributes.max_length) as number;
  const first = logitsOf(inputs.initial_logprobs!);
  const table = logitsOf(inputs.transition_logprobs!);
  const begin = vocab; // an id of its own stands for the beginning
  const search = (width: number) =>
    beamSearch(
      (sequences) =>
        sequences.map((ids) => {
          const last = ids.at(-1)!;
          return last === begin ? first : table.slice(last * vocab, (last + 1) * vocab);
        }),
      {
        prompt: [begin],
        beams: width,
        maxTokens: length,
        endIds: eos === undefined ? [] : [eos],
        lengthPenalty: (attributes.length_penalty as number | undefined) ?? 0,
        earlyStopping: 'never',
        filters: eos === undefined ? [] : [minimumLength({ tokens: 1, endIds: [eos] })],
      },
    );
  const got: Record<string, Got[string]> = {};
  for (const prefix of new Set(Object.keys(outputs).map((name) => name.split('_')[0]!))) {
    const width = prefix === 'best' ? Math.min(vocab ** (length - 1), manyBeams) : Number(prefix.slice(4));
    const wanted = outputs[`${prefix}_sequences`]?.shape[0] ?? width;
    const found = (await search(width)).slice(0, wanted);
    Object.assign(got, beamOutputs(prefix, found, length));
  }
  return got;
};

function beamOutputs(prefix: string, found: readonly Found[], length: number): Got {
  const shape = [found.length];
  const padded = found.flatMap(({ ids }) => [...ids, ...Array<number>(length - ids.length).fill(-1)]);
  return {
    [`${prefix}_sequences`]: { shape: [found.length, length], data: padded },
    [`${prefix}_scores`]: { shape, data: found.map(({ score }) => score) },
    [`${prefix}_logprobs`]: { shape, data: found.map(({ logprob }) => logprob) },
  };
}

/** Runs the cases of `sampler.*` with the public functions of the sampling package. The device plays no part. */
export const samplerRunners: Runners = {
  ...Object.fromEntries([...Object.keys(builders), 'chain'].map((rule) => [`sampler.${rule}`, filtering])),
  'sampler.inverse_cdf': inverseCdf,
  'sampler.gumbel_max': gumbel,
  'sampler.mirostat_v2': mirostat,
  'sampler.beam_search': beams,
};

function probabilities(logits: Float32Array): Got {
  const { ids, probabilities: p } = createSampler(chain(draw()), { seed: 0 }).distribution(logits);
  const probs = new Float64Array(logits.length);
  ids.forEach((id, i) => {
    probs[id] = p[i]!;
  });
  return { probs: { shape: [logits.length], data: probs } };
}

function logitsOf(tensor: HostTensor): Float32Array {
  return Float32Array.from(numbersOf(tensor));
}

function number(step: RuleStep, key: string): number {
  const value = step[key];
  if (typeof value === 'number') return value;
  throw new Error(
    `sampler: the step ${step.rule} needs a number "${key}"; it has ${Object.keys(step).join(', ')}`,
  );
}

function keep({ min_tokens_to_keep: minTokensToKeep }: RuleStep) {
  return minTokensToKeep === undefined ? {} : { minTokensToKeep };
}
