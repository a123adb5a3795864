import { Candidates } from '../candidates.ts';
import { chain } from '../chain.ts';
import { draw } from '../choices/draw.ts';
import type { Choice, Filter, History } from '../contract.ts';
import { SamplingError } from '../errors.ts';
import { createRandom } from '../random/xoshiro.ts';
import { createSampler, type Sampler } from '../sampler.ts';

/** What the laws need to know of a rule. */
export interface LawOptions {
  /** The number of tokens the rule promises to keep at least. Default 1. */
  readonly minTokensToKeep?: number;
  /** Tokens the rule is shown as the text so far. Default a short text with repetitions. */
  readonly history?: History;
}

/** Something every rule has to obey; `check` throws where it does not. */
export interface Law {
  readonly name: string;
  /** @throws {Error} where the rule does not obey, with what it did. */
  check(create: () => Filter | Choice, options: LawOptions): void;
}

const vocabulary = 64;
const text = [3, 5, 7, 3, 5, 9, 3, 5];

/** Logits of several kinds, each with some tokens removed. */
function rows(): ReadonlyMap<string, Float32Array> {
  const random = createRandom(20_240_501);
  const normal = () => {
    const radius = Math.sqrt(-2 * Math.log(1 - random.next()));
    return radius * Math.cos(2 * Math.PI * random.next());
  };
  const row = (value: (id: number) => number) =>
    Float32Array.from({ length: vocabulary }, (_, id) => value(id));
  return new Map([
    ['normal', row(() => 3 * normal())],
    ['flat', row(() => 0.01 * normal())],
    ['peaked', row((id) => (id === 40 ? 30 : normal()))],
    ['zipf', row((id) => -1.1 * Math.log(id + 1) + 4)],
    ['partly removed', row((id) => (id % 3 === 0 ? -Infinity : 2 * normal()))],
    ['far from zero', row(() => 1000 + 5 * normal())],
  ]);
}

const allEqual = new Float32Array(vocabulary).fill(1.5);
const onlyOne = new Float32Array(vocabulary).fill(-Infinity);
onlyOne[17] = -2;

/** A sampler with the rule alone, or with a draw after it if it is a filter. */
function samplerOf(create: () => Filter | Choice, seed = 1): Sampler {
  const rule = create();
  return createSampler(rule.kind === 'filter' ? chain(rule, draw()) : chain(rule), { seed });
}

/** Ids the rule leaves of a row, with their logits. */
function leftBy(
  create: () => Filter | Choice,
  logits: Float32Array,
  options: LawOptions,
): Map<number, number> {
  const candidates = new Candidates().load(logits);
  const rule = create();
  const context = { ...historyOf(options, logits.length), random: createRandom(1) };
  if (rule.kind === 'filter') rule.apply(candidates, context, rule.start?.());
  else rule.choose(candidates, context, rule.start?.());
  return new Map(
    Array.from({ length: candidates.size }, (_, i) => [candidates.ids[i]!, candidates.logits[i]!]),
  );
}

function historyOf({ history = { ids: text } }: LawOptions, size: number) {
  const second = Float32Array.from({ length: size }, (_, id) => Math.sin(id));
  return { ids: [], promptLength: 0, unconditional: second, amateur: second.slice(), ...history };
}

function insist(holds: boolean, problem: string): void {
  if (!holds) throw new Error(problem);
}

/** What every filter and choice is held to, in the order in which it is checked. */
export const laws: readonly Law[] = [
  {
    name: 'does not touch its input',
    check(create, options) {
      for (const [kind, logits] of rows()) {
        const history = historyOf(options, vocabulary);
        const { ids, unconditional, amateur } = history;
        const inputs = () => [logits, unconditional, amateur, ids].map((list) => Array.from(list ?? []));
        const before = inputs();
        samplerOf(create).sample(logits, history);
        inputs().forEach((after, which) => {
          const name = ['logits', 'unconditional logits', 'amateur logits', 'ids'][which];
          insist(after.join() === before[which]!.join(), `${name} were changed (${kind})`);
        });
      }
    },
  },
  {
    name: 'never revives a removed token',
    check(create, options) {
      for (const [kind, logits] of rows()) {
        for (const id of leftBy(create, logits, options).keys()) {
          insist(logits[id]! > -Infinity, `token ${id} came back (${kind})`);
        }
      }
    },
  },
  {
    name: 'keeps at least min_tokens_to_keep',
    check(create, options) {
      if (create().kind === 'choice') return;
      const { minTokensToKeep = 1 } = options;
      for (const [kind, logits] of rows()) {
        const { size } = leftBy(create, logits, options);
        insist(size >= minTokensToKeep, `kept ${size} of at least ${minTokensToKeep} (${kind})`);
      }
    },
  },
  {
    name: 'leaves finite logits in ascending order of ids',
    check(create, options) {
      for (const [kind, logits] of rows()) {
        let last = -1;
        for (const [id, logit] of leftBy(create, logits, options)) {
          insist(Number.isFinite(logit), `the logit of token ${id} is ${logit} (${kind})`);
          insist(id > last, `token ${id} comes after ${last} (${kind})`);
          last = id;
        }
      }
    },
  },
  {
    name: 'handles all-equal logits',
    check(create, options) {
      const { size } = leftBy(create, allEqual, options);
      insist(size >= 1, 'nothing was left');
      const id = samplerOf(create).sample(allEqual, historyOf(options, vocabulary));
      insist(id >= 0 && id < vocabulary, `chose ${id} of ${vocabulary} tokens`);
    },
  },
  {
    name: 'handles one candidate',
    check(create, options) {
      const id = samplerOf(create).sample(Float32Array.of(0.5), { ...historyOf(options, 1), ids: [] });
      insist(id === 0, `chose ${id} where only 0 was there`);
    },
  },
  {
    name: 'takes the only finite logit',
    check(create, options) {
      const id = samplerOf(create).sample(onlyOne, historyOf(options, vocabulary));
      insist(id === 17, `chose ${id} where only 17 was there`);
    },
  },
  {
    name: 'names the index of a NaN',
    check(create, options) {
      const logits = Float32Array.from({ length: vocabulary }, (_, id) => (id === 7 ? Number.NaN : -id));
      let message = 'nothing was thrown';
      try {
        samplerOf(create).sample(logits, historyOf(options, vocabulary));
      } catch (error) {
        message = SamplingError.isInstance(error) ? error.message : `a ${String(error)}`;
      }
      insist(message.includes('logits[7] is NaN'), message);
    },
  },
  {
    name: 'gives the same tokens for the same seed',
    check(create, options) {
      const one = run(samplerOf(create, 7), options);
      const other = run(samplerOf(create, 7), options);
      insist(one === other, `${one} the first time, ${other} the second`);
    },
  },
  {
    name: 'goes on alike after a clone and after a restore',
    check(create, options) {
      const sampler = samplerOf(create, 7);
      run(sampler, options);
      const state = JSON.parse(JSON.stringify(sampler.state()));
      const restored = createSampler(sampler.chain, { state });
      const cloned = sampler.clone();
      const wanted = run(sampler, options);
      insist(run(cloned, options) === wanted, 'the clone gave other tokens');
      insist(run(restored, options) === wanted, 'the restored sampler gave other tokens');
    },
  },
  {
    name: 'says of one token what it does with all of them',
    check(create, options) {
      const rule = create();
      if (rule.kind !== 'filter' || !rule.allows) return;
      for (const [kind, logits] of rows()) {
        const left = leftBy(create, logits, options);
        const context = { ...historyOf(options, vocabulary), random: createRandom(1) };
        logits.forEach((logit, id) => {
          if (logit === -Infinity) return;
          const says = rule.allows!(id, context, rule.start?.());
          insist(says === left.has(id), `says ${says} of token ${id}, which it does not do (${kind})`);
        });
      }
    },
  },
  {
    name: 'explains the token it would have given',
    check(create, options) {
      for (const [kind, logits] of rows()) {
        const history = historyOf(options, vocabulary);
        const given = samplerOf(create, 3).sample(logits, history);
        const { id } = samplerOf(create, 3).explain(logits, history).choice;
        insist(id === given, `sample gave ${given}, explain ${id} (${kind})`);
      }
    },
  },
];

/** Tokens a sampler gives over all rows, as text. */
function run(sampler: Sampler, options: LawOptions): string {
  const ids: number[] = [];
  for (const logits of rows().values()) ids.push(sampler.sample(logits, historyOf(options, vocabulary)));
  return ids.join(' ');
}
