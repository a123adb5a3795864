import type { Estimate, Interval } from './statistics.ts';

/** `12.3 ms`, `1.24 s`, `85 µs`: three digits. */
export function formatMs(ms: number): string {
  if (ms >= 1000) return `${digits(ms / 1000)} s`;
  return ms >= 1 ? `${digits(ms)} ms` : `${digits(ms * 1000)} µs`;
}

/** `481 µs [471, 494]`: a time and its interval in one unit. */
export function formatMsEstimate(estimate: Estimate): string {
  const unit = estimate.median >= 1000 ? 1 / 1000 : estimate.median >= 1 ? 1 : 1000;
  const { low, high, coverage } = estimate;
  return `${formatMs(estimate.median)} ${formatInterval({ low: low * unit, high: high * unit, coverage })}`;
}

/** `0`, `512 B`, `1.5 KiB`, `128 MiB`: binary units, exact where three digits are. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const power = bytes < 1024 ? 0 : Math.min(Math.floor(Math.log2(bytes) / 10), units.length - 1);
  const value = bytes / 1024 ** power;
  return `${Number.isInteger(value) ? value : digits(value)} ${units[power]}`;
}

/** `131,072`. */
export function formatCount(count: number): string {
  return Math.round(count)
    .toString()
    .replace(/\B(?=(\d{3})+$)/g, ',');
}

/** `64`, `1k`, `128k`, `1M`: powers of two by 1024, as contexts are named. */
export function formatContext(tokens: number): string {
  if (tokens >= 1024 ** 2 && tokens % 1024 ** 2 === 0) return `${tokens / 1024 ** 2}M`;
  if (tokens >= 1024 && tokens % 1024 === 0) return `${tokens / 1024}k`;
  return String(tokens);
}

/** `0.452×`. */
export function formatRatio(ratio: number): string {
  return `${digits(ratio)}×`;
}

/** `0.452× [0.441, 0.467]`, with the coverage where it is not the usual 95 %. */
export function formatEstimate(estimate: Estimate): string {
  return `${formatRatio(estimate.median)} ${formatInterval(estimate)}`;
}

/** `[0.441, 0.467]`. */
export function formatInterval({ low, high, coverage }: Interval): string {
  const note = coverage < 0.95 ? ` (${Math.floor(coverage * 100)} %)` : '';
  return `[${digits(low)}, ${digits(high)}]${note}`;
}

/** `±2.3 %` of the median. */
export function formatSpread({ low, high, median }: Estimate): string {
  return `±${digits(((high - low) / 2 / median) * 100, 2)} %`;
}

export function formatPercent(share: number): string {
  return `${digits(share * 100, 2)} %`;
}

/** `1/8` of a whole fraction, `≈1/961` of a small one, `all` of 1, else `0.452×`: how much is kept. */
export function formatShare(share: number): string {
  if (share === 1) return 'all';
  const inverse = 1 / share;
  if (Math.abs(inverse - Math.round(inverse)) < 1e-9) return `1/${formatCount(inverse)}`;
  return share < 0.05 ? `≈1/${formatCount(inverse)}` : formatRatio(share);
}

/** `1 min 5 s`, `12 s`. */
export function formatDuration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

/** So many significant digits, without an exponent for any number that people write out. */
export function digits(value: number, significant = 3): string {
  if (!Number.isFinite(value)) return String(value).replace('Infinity', '∞');
  if (value === 0) return '0';
  const whole = Math.floor(Math.log10(Math.abs(value))) + 1;
  if (whole > 15 || whole < -6) return value.toExponential(significant - 1);
  return value.toFixed(Math.max(0, significant - whole));
}
