/** A colour on a light and on a dark page. */
export interface Tone {
  readonly light: string;
  readonly dark: string;
}

/** How one series looks everywhere: never by colour alone. */
export interface Mark {
  readonly tone: Tone;
  /** An ECharts symbol, and the letter that looks like it. */
  readonly symbol: string;
  readonly glyph: string;
  /** Lengths of dash and gap; empty for a solid line. */
  readonly dash: readonly number[];
}

/**
 * Hues of variants, told apart by people with normal, protan, deutan and tritan sight on both pages; the distances
 * are computed in the test.
 */
const variantTones: readonly Tone[] = [
  { light: '#1B91F8', dark: '#407AF0' },
  { light: '#AD310C', dark: '#EB9961' },
  { light: '#0A6D61', dark: '#49FBD4' },
  { light: '#EA46B2', dark: '#BF558E' },
  { light: '#AC873E', dark: '#FFE22B' },
  { light: '#8014BB', dark: '#ACABF7' },
];

const shapes = [
  { symbol: 'circle', glyph: '●' },
  { symbol: 'rect', glyph: '■' },
  { symbol: 'triangle', glyph: '▲' },
  { symbol: 'diamond', glyph: '◆' },
  {
    symbol: 'path://M6 0l1.8 4.1 4.2.4-3.2 2.9.9 4.3L6 9.5 2.3 11.7l.9-4.3L0 4.5l4.2-.4z',
    glyph: '★',
  },
  { symbol: 'path://M0 0h12l-6 11z', glyph: '▼' },
  { symbol: 'path://M4 0h4v4h4v4h-4v4h-4v-4h-4v-4h4z', glyph: '✚' },
] as const;
const dashes: readonly (readonly number[])[] = [[], [7, 3], [2, 3], [9, 3, 2, 3], [4, 2], [12, 4]];

/** Hues of devices, a set of their own: a chart colours variants or devices, never both. */
const deviceTones: readonly Tone[] = [
  { light: '#2B2C97', dark: '#5069F3' },
  { light: '#6D2400', dark: '#CD691F' },
  { light: '#468B52', dark: '#7BFE7A' },
  { light: '#CB5CEC', dark: '#E2A6F7' },
];

/** Most series in one panel: a seventh goes into a panel of its own, where the hues start again. */
export const HUES = variantTones.length;

/** By place in the registry, so that a variant looks the same whichever others are beside it. */
export function variantMark(order: number): Mark {
  return {
    tone: variantTones[order % HUES]!,
    ...shapes[order % shapes.length]!,
    dash: dashes[(order + Math.floor(order / HUES)) % dashes.length]!,
  };
}

export function deviceMark(order: number): Mark {
  return {
    tone: deviceTones[order % deviceTones.length]!,
    ...shapes[order % shapes.length]!,
    dash: dashes[order % dashes.length]!,
  };
}

/** A grey line without points: a limit, a spine, a front. */
export const lineOnly: Mark = {
  tone: { light: '#59636E', dark: '#9198A1' },
  symbol: 'none',
  glyph: '',
  dash: [],
};

/** Colours of everything that is not a series. */
export const ink = {
  page: { light: '#FFFFFF', dark: '#0D1117' },
  raised: { light: '#F6F8FA', dark: '#161B22' },
  text: { light: '#1F2328', dark: '#E6EDF3' },
  muted: { light: '#59636E', dark: '#9198A1' },
  grid: { light: '#D1D9E0', dark: '#30363D' },
  focus: { light: '#0A53BE', dark: '#79C0FF' },
  faster: { light: '#0B5CAD', dark: '#6CB6FF' },
  slower: { light: '#B3440A', dark: '#FFA657' },
  undecided: { light: '#59636E', dark: '#9198A1' },
} as const satisfies Readonly<Record<string, Tone>>;

export const tones = { variants: variantTones, devices: deviceTones };

/**
 * Rules that turn a chart drawn in light colours into one for a dark page: a chart is drawn once, and a program that
 * knows no style sheets still shows it, light.
 */
export function darkRules(prefix = ''): string {
  const all: readonly Tone[] = [...variantTones, ...deviceTones, ...Object.values(ink)];
  const once = new Map(all.map((tone) => [tone.light, tone]));
  return [...once.values()]
    .map(
      ({ light, dark }) =>
        `${prefix}[fill="${light}"]{fill:${dark}}${prefix}[stroke="${light}"]{stroke:${dark}}`,
    )
    .join('');
}
