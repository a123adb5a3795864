import { configure } from '@headwise/attention-variants';
import { variants } from '@headwise/attention-variants/registry';
import { type KvConfig, kv, specsOf } from '@headwise/kv-cache';
import type { LayerSpec } from '@headwise/tensor';
import { type RealModel, realModels } from 'benchmarks';
import type { SizeLine, SizePicture } from './picture.ts';

/** Contexts that are drawn: powers of two. */
const [FIRST, LAST] = [8, 20];
const DTYPE = 'f16';

/** Names of the published configurations. */
export function sizeModels(): readonly string[] {
  return realModels.map(({ name }) => name);
}

/** Bytes at 16 bit of a published model and of every variant in its shape, from config alone. */
export function sizePicture(model: string, tokens: number): SizePicture {
  const real = realModels.find(({ name }) => name === model) ?? realModels[0]!;
  const { layers, H, D } = real.shape;
  const plain = kv({ layers, Hkv: H, D }).bytes({ tokens, dtype: DTYPE });
  const grouped = new Map<string, { names: string[]; specs: readonly LayerSpec[] }>();
  for (const [name, specs] of variantSpecs(real)) {
    const key = JSON.stringify(kept(specs));
    const found = grouped.get(key) ?? { names: [], specs };
    found.names.push(name);
    grouped.set(key, found);
  }
  const line = (name: string, specs: readonly LayerSpec[], published: boolean): SizeLine => {
    const footprint = kv(specs);
    const bytes = footprint.bytes({ tokens, dtype: DTYPE });
    const points = Array.from({ length: LAST - FIRST + 1 }, (_, i): [number, number] => {
      const at = 2 ** (FIRST + i);
      return [at, footprint.bytes({ tokens: at, dtype: DTYPE })];
    });
    return { name, points, bytes, less: plain / bytes, formula: formulaOf(specs, tokens), published };
  };
  const own = line(`${real.name} as published`, specsOf(real.kv as KvConfig), true);
  const others = [...grouped.values()].map(({ names, specs }) => line(names.join(', '), specs, false));
  return {
    model: real.name,
    source: real.source,
    tokens,
    lines: [own, ...others.sort((a, b) => b.bytes - a.bytes)],
  };
}

/** What each variant would keep in the model's shape; one that does not fit it is left out. */
function* variantSpecs({ shape, kv: config }: RealModel): Generator<[string, readonly LayerSpec[]]> {
  for (const variant of Object.values(variants)) {
    const given =
      'Hkv' in config && 'Hkv' in variant.defaults && groups(variant.name) ? { Hkv: config.Hkv } : {};
    const attention = configure(variant as (typeof variants)['grouped-query'], given);
    try {
      attention.check(shape);
    } catch {
      continue;
    }
    yield [variant.name, Array.from({ length: shape.layers }, (_, layer) => attention.kv(shape, layer))];
  }
}

/** Grouped queries in a published shape have the model's own number of groups; the other variants their default. */
function groups(name: string): boolean {
  return name === 'grouped-query';
}

/** What decides the bytes. */
function kept(specs: readonly LayerSpec[]): unknown {
  return specs.map(({ kind, rows, cap, constant, producer }) =>
    kind === 'shared' ? producer : [Object.values(rows), String(cap), Object.values(constant)],
  );
}

const number = new Intl.NumberFormat('en');

/** `32 layers × 8,192 tokens × (k 8·128 + v 8·128) × 2 B`, a term for each kind of layer. */
function formulaOf(specs: readonly LayerSpec[], tokens: number): string {
  const terms = new Map<string, number>();
  for (const spec of specs) {
    const term = termOf(spec, tokens);
    terms.set(term, (terms.get(term) ?? 0) + 1);
  }
  const bytes = kv(specs).bytes({ tokens, dtype: DTYPE });
  const words = [...terms].map(([term, count]) => `${count} layer${count === 1 ? '' : 's'} × ${term}`);
  return `${words.join(' + ')} = ${number.format(bytes)} B`;
}

function termOf({ kind, rows, cap, constant }: LayerSpec, tokens: number): string {
  if (kind === 'shared') return '0 (reads another layer)';
  const sizes = (of: LayerSpec['rows']): string =>
    `(${Object.entries(of)
      .map(([name, shape]) => `${name} ${shape.join('·')}`)
      .join(' + ')}) × 2 B`;
  if (kind === 'recurrent') return sizes(constant);
  const kept =
    cap === Infinity ? number.format(tokens) : `min(${number.format(tokens)}, ${number.format(cap)})`;
  return `${kept} tokens × ${sizes(rows)}`;
}
