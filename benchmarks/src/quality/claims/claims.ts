import { digits } from '../../format.ts';
import type { Mean } from '../summary.ts';
import type { Claim, Verdict } from './contract.ts';

/** Perplexity's change in percent with its interval: `+1.2 % [0.4, 2.0]`. */
function change({ mean, low, high, n }: Mean): string {
  const percent = (nats: number): string => {
    const value = 100 * Math.expm1(nats);
    return Number.isFinite(value) ? `${value < 0 ? '−' : '+'}${digits(Math.abs(value), 2)}` : '∞';
  };
  return n < 2 ? `${percent(mean)} % (one seed)` : `${percent(mean)} % [${percent(low)}, ${percent(high)}]`;
}

/** Whether all statements hold: one that is refuted refutes, one that the seeds leave open leaves open. */
function all(ours: string, ...held: readonly ('yes' | 'no' | 'open')[]): Verdict {
  const outcome = held.includes('no') ? 'not as the paper' : held.includes('open') ? 'open' : 'as the paper';
  return { outcome, ours };
}

const below = ({ high, low }: Mean, bound = 0): 'yes' | 'no' | 'open' =>
  high < bound ? 'yes' : low > bound ? 'no' : 'open';
const above = ({ high, low }: Mean, bound = 0): 'yes' | 'no' | 'open' =>
  low > bound ? 'yes' : high < bound ? 'no' : 'open';
/** One percent of perplexity, in nats. */
const PERCENT = Math.log(1.01);

/** What the papers say, each with what is expected at this size, written down before the first run. */
export const claims: readonly Claim[] = [
  {
    id: 'gqa-between',
    title: 'Grouped-query attention lies between multi-head and multi-query',
    paper: 'Brandon et al. 2024, table 1; Ainslie et al. 2023, table 1',
    theirs:
      'perplexity at 1B: MHA 13.15, GQA of 4 and 2 key heads 13.36 and 13.52, MQA 13.54; scores of T5-XXL 47.2, 47.1, 46.6',
    expects: 'MHA ≤ GQA ≤ MQA in loss, by less than 2 %',
    unless:
      'the feed-forward gets the weights that are saved, and one byte after another asks less of many heads than words do',
    about: ['mha', 'gqa', 'mqa'],
    judge(evidence) {
      const [first, second] = [evidence.difference('gqa', 'mha'), evidence.difference('mqa', 'gqa')];
      return all(`GQA ÷ MHA ${change(first)}; MQA ÷ GQA ${change(second)}`, above(first), above(second));
    },
  },
  {
    id: 'up-training',
    title: 'Heads that are averaged make the best start for multi-query attention',
    paper: 'Ainslie et al. 2023, figure 4',
    theirs: 'after 5 % of the steps the mean is best, then the first head, then a random one',
    expects: 'mean better than first, first better than random',
    unless: 'twenty steps or so may train a random head as well: the paper had 5 % of a million',
    about: ['mha → mqa by mean', 'mha → mqa by first', 'mha → mqa by random'],
    judge(evidence) {
      const first = evidence.difference('mha → mqa by mean', 'mha → mqa by first');
      const second = evidence.difference('mha → mqa by first', 'mha → mqa by random');
      return all(
        `mean ÷ first ${change(first)}; first ÷ random ${change(second)}`,
        below(first),
        below(second),
      );
    },
  },
  {
    id: 'cla2',
    title: 'Two layers that share one cache lose next to nothing',
    paper: 'Brandon et al. 2024, table 1',
    theirs: 'perplexity at 1B: MQA 13.54, with CLA2 13.60 (+0.4 %) at half the bytes',
    expects: 'within 1 % of MQA, at half the bytes',
    unless:
      'six layers have three that keep something, and what is shared is a larger part of so small a model',
    about: ['mqa', 'mqa + cla2'],
    judge(evidence) {
      const loss = evidence.difference('mqa + cla2', 'mqa');
      const share = evidence.kvPerToken('mqa + cla2') / evidence.kvPerToken('mqa');
      return all(
        `${change(loss)} at ${digits(share)} × the bytes`,
        below(loss, PERCENT),
        share === 0.5 ? 'yes' : 'no',
      );
    },
  },
  {
    id: 'cla3',
    title: 'Sharing between three layers costs more than between two',
    paper: 'Brandon et al. 2024, table 1',
    theirs: 'perplexity at 1B: MQA-CLA2 13.60, MQA-CLA3 13.77',
    expects: 'CLA3 worse than CLA2',
    unless: 'two of six layers keep something then: a step that may be lost in how far seeds differ',
    about: ['mqa + cla2', 'mqa + cla3'],
    judge(evidence) {
      const loss = evidence.difference('mqa + cla3', 'mqa + cla2');
      return all(`CLA3 ÷ CLA2 ${change(loss)}`, above(loss));
    },
  },
  {
    id: 'cla-patterns',
    title: 'Spread sharing layers are better than a dense front',
    paper: 'Brandon et al. 2024, table 1',
    theirs: 'perplexity at 1B, 11 layers that keep something: KeepEnds 13.62, DenseFront 13.75',
    expects: 'KeepEnds not worse than DenseFront',
    unless: 'with six layers the two patterns differ in one layer or two',
    about: ['mqa + cla2, ends kept', 'mqa + cla2, dense front'],
    judge(evidence) {
      const loss = evidence.difference('mqa + cla2, ends kept', 'mqa + cla2, dense front');
      return all(`KeepEnds ÷ DenseFront ${change(loss)}`, below(loss));
    },
  },
  {
    id: 'window',
    title: 'A shorter window loses more',
    paper: 'Jiang et al. 2023 (Mistral 7B), section 2',
    theirs: 'k layers of a window W reach k × W tokens: little is lost while that covers the text',
    expects: 'a quarter of the row loses less than 2 %, a sixteenth more than that quarter',
    unless: 'stories are short: what a name was stands some hundred letters back, at most',
    about: ['mha', 'window 1/4', 'window 1/16'],
    judge(evidence) {
      const [wide, narrow] = [
        evidence.difference('window 1/4', 'mha'),
        evidence.difference('window 1/16', 'window 1/4'),
      ];
      return all(
        `¼ ÷ full ${change(wide)}; ¹⁄₁₆ ÷ ¼ ${change(narrow)}`,
        below(wide, 2 * PERCENT),
        above(narrow),
      );
    },
  },
  {
    id: 'sinks',
    title: 'First tokens that stay keep a windowed model stable',
    paper: 'Xiao et al. 2023, table 1',
    theirs: 'Llama-2-13B on 65k tokens: perplexity 5,158 through a window alone, 5.40 with four first tokens',
    expects:
      'a model trained without a window is better by more than 1 % through a window with sinks than through one without, at the length of training: past it the sinks lie further away than any token in training, which the paper’s cache avoids by counting positions inside it',
    unless:
      'sinks come about in long trainings; a model of a few hundred steps may not have learnt to lean on first tokens',
    about: ['mha', 'mha seen through a window', 'mha seen through a window with sinks'],
    judge(evidence) {
      const [sinks, window] = ['mha seen through a window with sinks', 'mha seen through a window'] as const;
      const loss = evidence.difference(sinks, window);
      const past = evidence.difference(sinks, window, { past: 4 });
      return all(
        `with sinks ÷ without ${change(loss)}, past the length of training ${change(past)}; window alone ÷ all tokens ${change(evidence.difference(window, 'mha'))}`,
        below(loss, -PERCENT),
      );
    },
  },
  {
    id: 'alibi',
    title: 'ALiBi reads past the length of training, sinusoidal positions do not',
    paper: 'Press et al. 2021, figure 1',
    theirs: 'trained at 512: ALiBi stays flat beyond, sinusoidal explodes after a few tokens',
    expects: 'ALiBi grows by less than 2 % at twice the length, sinusoidal by more than 10 %',
    unless: 'rows of stories that begin anew: what lies far back is another story, and tells little',
    about: ['alibi', 'sinusoidal'],
    judge(evidence) {
      const [flat, steep] = [evidence.growth('alibi', 2), evidence.growth('sinusoidal', 2)];
      return all(
        `ALiBi ${change(flat)}; sinusoidal ${change(steep)}`,
        below(flat, 2 * PERCENT),
        above(steep, Math.log(1.1)),
      );
    },
  },
  {
    id: 'nope',
    title: 'No positions at all read further than rotary ones',
    paper: 'Kazemnejad et al. 2023, section 4',
    theirs: 'past the length of training NoPE generalises better than rotary positions',
    expects: 'growth at twice the length is smaller without positions',
    unless: 'six layers must find positions by themselves from the causal mask alone, in a short training',
    about: ['no positions', 'mha'],
    judge(evidence) {
      const [without, rotary] = [evidence.growth('no positions', 2), evidence.growth('mha', 2)];
      const loss = evidence.difference('no positions', 'mha', { past: 2 });
      return all(
        `none ${change(without)}; rotary ${change(rotary)}; none ÷ rotary there ${change(loss)}`,
        below(evidence.growthDifference('no positions', 'mha', 2)),
      );
    },
  },
  {
    id: 'rope-scaling',
    title: 'Stretched rotary positions need no training with NTK or YaRN, and little with interpolation',
    paper: 'Peng et al. 2023 (YaRN), sections 2 and 3; Chen et al. 2023, section 2',
    theirs:
      'unscaled rotary positions break past the trained length; interpolation needs tuning; NTK-aware and YaRN work at once',
    expects:
      'at four times the length: YaRN better than unscaled; interpolated and tuned better than interpolated alone',
    unless:
      'at a length four times as long most of what tells the next letter is still near, and near distances are what stretching changes',
    about: [
      'mha',
      'rotary, interpolated',
      'rotary, ntk-aware',
      'rotary, yarn',
      'rotary, interpolated, tuned',
    ],
    judge(evidence) {
      const past = { past: 4 };
      const yarn = evidence.difference('rotary, yarn', 'mha', past);
      const ntk = evidence.difference('rotary, ntk-aware', 'mha', past);
      const tuned = evidence.difference('rotary, interpolated, tuned', 'rotary, interpolated', past);
      return all(
        `YaRN ÷ unscaled ${change(yarn)}; NTK-aware ÷ unscaled ${change(ntk)}; tuned ÷ interpolated ${change(tuned)}`,
        below(yarn),
        below(tuned),
      );
    },
  },
  {
    id: 'differential',
    title: 'Differential attention needs fewer weights for the same loss',
    paper: 'Ye et al. 2024, figure 3',
    theirs: 'about 65 % of the size or of the tokens for an equal loss',
    expects: 'better than plain attention at equal weights, by little',
    unless: 'two softmaxes a head need longer to part; the paper trained for billions of tokens',
    about: ['differential', 'mha'],
    judge(evidence) {
      const loss = evidence.difference('differential', 'mha');
      return all(`differential ÷ plain ${change(loss)}`, below(loss));
    },
  },
  {
    id: 'mla',
    title: 'A latent beats fewer heads at an equal cache',
    paper: 'DeepSeek-AI 2024 (V2), section 2.1 and appendix D',
    theirs: 'MLA better than MHA, GQA and MQA with a cache as small as GQA of 2.25 groups',
    expects: 'better than MQA with as many numbers a token',
    unless: 'a latent of so few numbers loses what it saves in heads; its rotary part is a few numbers wide',
    about: ['mla, cache of mqa', 'mqa'],
    judge(evidence) {
      const loss = evidence.difference('mla, cache of mqa', 'mqa');
      const share = evidence.kvPerToken('mla, cache of mqa') / evidence.kvPerToken('mqa');
      return all(`MLA ÷ MQA ${change(loss)} at ${digits(share)} × the bytes`, below(loss));
    },
  },
];
