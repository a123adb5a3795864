/** What a visitor begins with: two modifiers, and what goes with them, as the form holds them. */
export interface Example {
  readonly title: string;
  /** What there is to see. */
  readonly note: string;
  readonly score: string;
  readonly mask: string;
  /** `W=4, slope=0.5` */
  readonly constants: string;
  readonly causal: boolean;
  /** Most tokens that a layer keeps; 0 for all. */
  readonly keep: number;
}

/** By the name that a link says. */
export const examples: Readonly<Record<string, Example>> = {
  causal: {
    title: 'Causal, by hand',
    note: 'The mask that every language model has: no token sees one that comes later.',
    score: '',
    mask: `function (b, h, q, k) {
  return k <= q ? 1 : 0;
}`,
    constants: '',
    causal: false,
    keep: 0,
  },
  window: {
    title: 'A window',
    note: 'The last W tokens, so a layer need not keep more: a cache that stops growing.',
    score: '',
    mask: `function (b, h, q, k) {
  // W tokens, the query itself among them
  return q - k < W ? 1 : 0;
}`,
    constants: 'W=4',
    causal: true,
    keep: 4,
  },
  alibi: {
    title: 'ALiBi, by hand',
    note: 'A key loses score with its distance, less in each later head: position without an encoding (Press 2022).',
    score: `function (s, b, h, q, k) {
  // slopes 2^-2, 2^-4, … of four heads
  const slope = Math.pow(2, -8 * (h + 1) / heads);
  return s - slope * (q - k);
}`,
    mask: '',
    constants: 'heads=4',
    causal: true,
    keep: 0,
  },
  'soft-cap': {
    title: 'A soft cap',
    note: 'Scores are squeezed into (−cap, cap), so that no key takes all the weight (Gemma 2).',
    score: `function (s, b, h, q, k) {
  return cap * Math.tanh(s / cap);
}`,
    mask: '',
    constants: 'cap=1.5',
    causal: true,
    keep: 0,
  },
  dilated: {
    title: 'Dilated',
    note: 'Every second token of the past: a pattern of Sparse Transformers (Child 2019) and LongNet.',
    score: '',
    mask: `function (b, h, q, k) {
  return (q - k) % stride === 0 ? 1 : 0;
}`,
    constants: 'stride=2',
    causal: true,
    keep: 0,
  },
};
