import type { Decoder } from '@headwise/models';
import { keep, type Tensor } from '@headwise/tensor';

const CELL = 14;
const SPACE = 28;
const SHADES = [...' ·░▒▓█'];

/** The attention weights of every layer and head on one text. */
export interface AttentionPicture {
  readonly names: readonly string[];
  /** By layer and head, `[L, L]`: query rows, key columns. */
  readonly heads: readonly {
    readonly layer: number;
    readonly head: number;
    readonly weights: Float32Array;
  }[];
}

/** @throws what the decoder throws for these ids. */
export async function attentionOf(
  decoder: Decoder,
  { ids, names }: { readonly ids: readonly number[]; readonly names: readonly string[] },
): Promise<AttentionPicture> {
  const L = ids.length;
  const seen: Tensor[] = [];
  using session = decoder.start({ capacity: L });
  using _ = session.forward([...ids], {
    extras: ['weights'],
    look: ({ extras }) => void (extras.weights && seen.push(keep(extras.weights))),
  });
  const heads: { layer: number; head: number; weights: Float32Array }[] = [];
  for (const [layer, tensor] of seen.entries()) {
    const all = await tensor.data();
    for (let head = 0; head < all.length / (L * L); head++)
      heads.push({ layer, head, weights: all.slice(head * L * L, (head + 1) * L * L) });
    tensor.dispose();
  }
  return { names, heads };
}

/** For a terminal: of each layer the head that looks at its keys most sharply. */
export function asText({ names, heads }: AttentionPicture): string {
  const L = names.length;
  const sharpness = (weights: Float32Array): number => weights.reduce((sum, weight) => sum + weight ** 2, 0);
  const layers = [...new Set(heads.map(({ layer }) => layer))];
  const lines = layers.flatMap((layer) => {
    const own = heads.filter((head) => head.layer === layer);
    const best = own.reduce((a, b) => (sharpness(b.weights) > sharpness(a.weights) ? b : a));
    const rows = names.map((name, i) => {
      const row = Array.from(best.weights.subarray(i * L, (i + 1) * L), (weight) => {
        const shade = SHADES[Math.min(SHADES.length - 1, Math.floor(weight * SHADES.length))]!;
        return shade + shade;
      });
      return `  ${name} │${row.join('')}│`;
    });
    return [
      `  layer ${layer}, head ${best.head}`,
      `     ${names.map((name) => `${name} `).join('')}`,
      ...rows,
      '',
    ];
  });
  return lines.join('\n');
}

/** One page with all heads; a darker cell is a larger weight. */
export function asHtml({ names, heads }: AttentionPicture, title: string): string {
  const L = names.length;
  const escaped = (text: string): string => text.replace(/[&<>"]/g, (each) => `&#${each.charCodeAt(0)};`);
  const figures = heads.map(({ layer, head, weights }) => {
    const cells = Array.from(weights, (weight, i) => {
      if (weight < 0.005) return '';
      const [x, y] = [SPACE + (i % L) * CELL, SPACE + Math.floor(i / L) * CELL];
      const told = `${names[Math.floor(i / L)]} looks at ${names[i % L]}: ${weight.toFixed(3)}`;
      return `<rect x="${x}" y="${y}" width="${CELL}" height="${CELL}" opacity="${weight.toFixed(3)}"><title>${escaped(told)}</title></rect>`;
    });
    const labels = names.flatMap((name, i) => {
      const at = SPACE + (i + 0.75) * CELL;
      const text = escaped(name);
      return [
        `<text x="${at - 6}" y="${SPACE - 6}">${text}</text>`,
        `<text x="${SPACE - 8}" y="${at}" text-anchor="end">${text}</text>`,
      ];
    });
    const size = SPACE + L * CELL + 2;
    const edge = `<rect x="${SPACE}" y="${SPACE}" width="${L * CELL}" height="${L * CELL}" class="edge"/>`;
    return `<figure><svg viewBox="0 0 ${size} ${size}" width="${size}" role="img" aria-label="attention of layer ${layer}, head ${head}">${cells.join('')}${edge}${labels.join('')}</svg><figcaption>layer ${layer}, head ${head}</figcaption></figure>`;
  });
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escaped(title)}</title>
<style>
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; --ink: #0b4f9e; }
@media (prefers-color-scheme: dark) { :root { --ink: #7fbaff; } }
body { margin: 2rem; } main { display: flex; flex-wrap: wrap; gap: 1rem; } figure { margin: 0; }
svg { max-width: 100%; } rect { fill: var(--ink); } .edge { fill: none; stroke: currentColor; opacity: .3; }
text { fill: currentColor; font: 11px ui-monospace, monospace; } figcaption { text-align: center; }
</style></head><body><h1>${escaped(title)}</h1>
<p>Each row is a token that asks, each column one that it may look at; the darker, the more.</p>
<main>${figures.join('\n')}</main></body></html>
`;
}
