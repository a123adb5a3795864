import { TOLERANCE } from '../check.ts';
import { familyOf } from '../family.ts';
import type { Results } from '../results.ts';
import { escapeXml } from './draw.ts';

/** How the numbers came about: the part of the report that lets a sceptic repeat them. */
export function methodHtml(results: Results): string {
  return sections(results)
    .map(
      ([title, paragraphs]) =>
        `<h3>${escapeXml(title)}</h3>${paragraphs.map((text) => `<p>${text}</p>`).join('')}`,
    )
    .join('\n');
}

function sections(results: Results): [string, string[]][] {
  const { seed } = results;
  const { count, rounds } = familyOf(results);
  const { atol, rtol } = TOLERANCE;
  return [
    [
      'Checked first',
      [
        `Before anything is timed, every variant runs on the timed device and on a float64 reference that is written as plain loops: prefill and decode at the timed lengths and at odd ones, whole outputs of every layer, |got − want| ≤ ${atol} + ${rtol}·|want|. A prefill too large for the reference is compared by its last queries over random keys. A variant that fails gets its failure in its rows, and no time.`,
        'After every call the engine is asked what ran. If it is not what was asked for, the row fails.',
      ],
    ],
    [
      'Timed',
      [
        `Rows that are compared take turns: each round runs every row of a group once, in an order shuffled anew (seed ${seed}). Groups are visited several times over the run. Each visit starts with warm-up calls that never count. A sample is one call, or as many as make twenty steps of the clock, 0.2 ms and ten times the waiting for the device. Sampling ends when every interval of the group is narrow enough, or when the time is up.`,
        'A call ends when the device has answered that it is done. On WebGL that answer is a number read back, since a fence may be signalled early; in both halves of a ratio it would pull the ratio to 1. So the same wait is timed beside every sample when the device has nothing to do, and its median over the row’s samples is taken off each call. The figure is in “What ran”. Where the wait overlaps the work a little too much is taken off, never more than the wait. Reading the logits of a decoder is part of its work and stays in.',
        'Attention rows time the attention layers alone (projections, cache, attention, output projection), divided by the number of layers. Prefill reads a whole prompt into empty caches. Decode is the step that brings a sequence to the named length, with the cache full of random rows.',
        'The decoder’s first token is the time from prompt ids to the chosen id on the host; prompt tokens/s is the prompt’s length divided by it. The next token is one step after the prompt, from id to id. Most memory counts tensors on the device, weights and caches included; an engine’s own copies are not in it.',
      ],
    ],
    [
      'Statistics',
      [
        'Shown are the median, p10, p90 and n; all samples are in results.json. Intervals are distribution-free: for n samples the number below the true median is Bin(n, ½), so the k-th smallest and k-th largest enclose it with probability 1 − 2·P(Bin(n, ½) &lt; k); k is the largest that keeps 95 %. Fewer than 6 samples cannot reach 95 %; the coverage is then written beside the interval.',
        'A ratio is the median of the ratios of samples of the same round, with the same kind of interval, so that a slow moment cancels. Between two runs samples have no partners: the ratio is that of medians, its interval joins the ends of two intervals of √0.95 each. What is judged between two runs is each ratio to the baseline, taken inside each run: a slower machine slows both halves. All these intervals together hold with 95 %.',
        'A difference is called one only where the interval leaves out 1. In every suite a row is timed twice as a control: its ratio to itself shows what the suite calls a difference where there is none.',
        `Tables and charts show the interval of each ratio alone: of 100 ratios of 1, about 5 miss it. Sentences (the findings and the titles of charts) are picked from ${count} ratios, and would nearly always find one that misses. So a sentence calls a difference only what the interval of confidence 1 − 0.05/${count} leaves no doubt about, and shows that interval: with 95 % all ${count} are right at once (Bonferroni; no assumption about how they hang together). Such an interval needs ${rounds} rounds. The context a sentence is about is the longest that has them, chosen by counting rounds.`,
      ],
    ],
    [
      'Useful work',
      [
        'FLOPs count a multiply and an add as two, and only pairs of query and key that are seen: causal pairs once, windowed pairs inside the window. For one layer:',
        '<code>FLOPs = 2·B·Lq·(weights of q, k, v, o) + 4·B·H·D·pairs</code>, <code>pairs = Σ over queries of the keys each one sees</code>. Bytes are 4·(numbers read of the weights + numbers read of the layer’s cache), each once a call. Both come from the variant’s own cost().',
        '<code>share of limit = max(FLOPs / multiply-add limit, bytes / streaming-read limit) / median time</code>. The limits are measured in the same engine: eight independent chains of multiply-adds in registers, and sums over an array of 32 MiB. The share is of useful work, so overhead, copies and recomputation all show as distance from the limit.',
      ],
    ],
    [
      'Two comparisons',
      [
        'Equal shape holds width, heads and depth: a variant with smaller projections also has fewer weights. Equal parameters adjusts the feed-forward width until the decoders have as many weights (Ainslie et al. 2023, section 3). No ratio mixes the two. Weights are random there: what a variant costs in quality is the business of the suite that trains, <code>--suites quality</code>.',
        'Layers that share a cache store it once, and every one of them reads it at every step: sharing saves storage and the sharing layers’ key and value projections, not reading.',
      ],
    ],
  ];
}
