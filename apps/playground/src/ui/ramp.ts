import { colorOf, theme } from './theme.ts';

/** How numbers become colours. Masked is no number: it is hatched. */
export type RampKind = 'sequential' | 'difference';
export type ScaleName = 'linear' | 'sqrt' | 'log';

const STEPS = 256;

const made = new Map<string, Uint32Array>();

/** 256 colours as 32-bit pixels, from the CSS variables of the theme. */
export function rampPixels(kind: RampKind): Uint32Array {
  const key = `${kind} ${theme.peek()}`;
  const ramp = made.get(key) ?? makeRamp(kind);
  made.set(key, ramp);
  return ramp;
}

function makeRamp(kind: RampKind): Uint32Array {
  const names =
    kind === 'difference'
      ? ['--diff-low', '--diff-mid', '--diff-high']
      : Array.from({ length: 7 }, (_, n) => `--ramp-${n}`);
  const stops = names.map((name) => rgbOf(colorOf(name)));
  return Uint32Array.from({ length: STEPS }, (_, i) => {
    const at = (i / (STEPS - 1)) * (stops.length - 1);
    const n = Math.min(Math.floor(at), stops.length - 2);
    const mix = (c: number): number => {
      const [a, b] = [stops[n]![c]!, stops[n + 1]![c]!];
      return Math.round(a + (b - a) * (at - n));
    };
    return ((255 << 24) | (mix(2) << 16) | (mix(1) << 8) | mix(0)) >>> 0;
  });
}

/** `#rrggbb` */
function rgbOf(color: string): readonly [number, number, number] {
  const number = Number.parseInt(color.replace('#', ''), 16);
  return Number.isNaN(number) ? [128, 128, 128] : [(number >> 16) & 255, (number >> 8) & 255, number & 255];
}

/** The lowest and highest finite number; a difference is centred on zero. */
export function rangeOf(values: ArrayLike<number>, kind: RampKind): readonly [number, number] {
  let [low, high] = [Infinity, -Infinity];
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (!Number.isFinite(value)) continue;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  if (low > high) return [0, 1];
  if (kind === 'difference') {
    const most = Math.max(Math.abs(low), Math.abs(high)) || 1;
    return [-most, most];
  }
  return low === high ? [low, low + 1] : [low, high];
}

/** A number to a step of the ramp, 0 to 255. */
export function stepOf(value: number, [low, high]: readonly [number, number], scale: ScaleName): number {
  const part = Math.min(1, Math.max(0, (value - low) / (high - low)));
  const shown =
    scale === 'sqrt'
      ? Math.sqrt(part)
      : scale === 'log'
        ? Math.max(0, 1 + Math.log10(part || 1e-9) / 4)
        : part;
  return Math.round(shown * (STEPS - 1));
}
