import { expect, it } from 'vitest';
import { type Choice, defineChoice, defineFilter, type Filter, topK } from '../index.ts';
import { checkSampler, laws } from './index.ts';

checkSampler(() => topK(5));

/** Names of the laws that a rule breaks. */
function broken(create: () => Filter | Choice, minTokensToKeep = 1): string[] {
  return laws.flatMap((law) => {
    try {
      law.check(create, { minTokensToKeep });
      return [];
    } catch {
      return [law.name];
    }
  });
}

it('finds nothing wrong with a rule that does nothing', () => {
  expect(broken(() => defineFilter({ name: 'nothing', options: {}, apply() {} }))).toEqual([]);
});

const filter = (apply: Filter['apply']) => () => defineFilter({ name: 'faulty', options: {}, apply });
const choice = (choose: Choice['choose']) => () => defineChoice({ name: 'faulty', options: {}, choose });
let calls = 0;

const faults: readonly (readonly [
  fault: string,
  law: string,
  create: () => Filter | Choice,
  minimum?: number,
])[] = [
  [
    'writes to the second logits',
    'does not touch its input',
    filter((_, { unconditional }) => {
      unconditional![3] = 9;
    }),
  ],
  ['appends to the ids', 'does not touch its input', filter((_, { ids }) => void (ids as number[]).push(1))],
  ['forces a token', 'never revives a removed token', filter((candidates) => candidates.force(0))],
  [
    'starts from other logits',
    'never revives a removed token',
    filter((candidates) => void candidates.load(new Float32Array(64))),
  ],
  [
    'keeps two of three',
    'keeps at least min_tokens_to_keep',
    filter((candidates) => candidates.keepTop(2)),
    3,
  ],
  [
    'turns the ids round',
    'leaves finite logits in ascending order of ids',
    filter((candidates) => void candidates.ids.subarray(0, candidates.size).reverse()),
  ],
  [
    'writes NaN past the methods',
    'leaves finite logits in ascending order of ids',
    filter((candidates) => {
      candidates.logits[0] = Number.NaN;
    }),
  ],
  [
    'divides by a spread of zero',
    'handles all-equal logits',
    filter((candidates) => {
      const spread = Math.max(...candidates.logits.subarray(0, candidates.size)) - candidates.logits[0]!;
      candidates.setLogit(0, candidates.logits[0]! / spread);
    }),
  ],
  [
    'looks at a second candidate',
    'handles one candidate',
    choice((candidates) => {
      if (candidates.size < 2) throw new Error('no second');
      return 1;
    }),
  ],
  [
    'needs three finite logits',
    'takes the only finite logit',
    filter((candidates) => {
      if (candidates.vocabulary > 1 && candidates.size < 3) throw new TypeError('undefined');
    }),
  ],
  [
    'hides what is wrong with the logits',
    'names the index of a NaN',
    filter((candidates) => {
      try {
        candidates.keepTop(3);
      } catch {
        candidates.load(Float32Array.of(0));
      }
    }),
  ],
  [
    'draws from Math.random',
    'gives the same tokens for the same seed',
    choice((c) => Math.floor(Math.random() * c.size)),
  ],
  [
    'counts in a variable of its own',
    'goes on alike after a clone and after a restore',
    choice((candidates) => calls++ % candidates.size),
  ],
  [
    'keeps a function in its state',
    'goes on alike after a clone and after a restore',
    () => defineFilter({ name: 'faulty', options: {}, start: () => ({ f: () => 1 }), apply() {} }),
  ],
  ['points outside the list', 'handles all-equal logits', choice((candidates) => candidates.size)],
  [
    'allows what it removes',
    'says of one token what it does with all of them',
    () => defineFilter({ name: 'faulty', options: {}, apply: (c) => c.keepTop(3), allows: () => true }),
  ],
  [
    'looks whether somebody is looking',
    'explains the token it would have given',
    filter((candidates, { random }) => candidates.keepTop(random.constructor === Object ? 1 : 64)),
  ],
];

for (const [fault, law, create, minimum] of faults) {
  it(`a rule that ${fault} breaks "${law}"`, () => {
    expect(broken(create, minimum)).toContain(law);
  });
}

it('refuses an exception from a law that is not there', () => {
  expect(() => checkSampler(() => topK(5), { except: { 'is kind': 'why not' } })).toThrow(
    /there is no law "is kind"; laws are does not touch/,
  );
});
