import { type CacheEntry, cacheEntries, keptBy, runCache } from '../../views/cache/model.ts';
import type { CacheSetup, Run, SizePicture } from '../../views/cache/picture.ts';
import { sizeModels, sizePicture } from '../../views/cache/sizes.ts';
import { shownOptions, type VariantEntry, variantEntries } from '../../views/cache/variants.ts';
import { piecesOf, visible } from '../../views/pieces.ts';
import type { HandlerContext } from '../handler.ts';
import { shippedModel } from '../shipped-model.ts';
import { modelsOn } from './attention.ts';

/** Of how many tokens there is a picture. */
export interface RunProgress {
  readonly done: number;
  readonly of: number;
}

/** What there is to choose from. */
export interface CacheEntries {
  readonly variants: readonly VariantEntry[];
  readonly caches: readonly CacheEntry[];
  readonly models: readonly string[];
}

declare module '../engine.ts' {
  interface Asks {
    'cache.entries': { params: undefined; result: CacheEntries };
    'cache.kept': { params: Pick<CacheSetup, 'variant' | 'options'>; result: readonly string[] };
    'cache.run': { params: CacheSetup; result: Run; progress: RunProgress };
    'cache.sizes': { params: { model: string; tokens: number }; result: SizePicture };
  }
}

export function entries(): CacheEntries {
  return { variants: variantEntries(), caches: cacheEntries(), models: sizeModels() };
}

export async function kept(
  { variant, options }: Pick<CacheSetup, 'variant' | 'options'>,
  context: HandlerContext,
): Promise<readonly string[]> {
  const models = await modelsOn(context);
  return keptBy(models.get(variant, { ...shownOptions(variant), ...options }));
}

export async function run(setup: CacheSetup, context: HandlerContext): Promise<Run> {
  const { signal, onProgress } = context;
  const quiet = { ...context, onProgress: () => {} };
  const { checkpoint, tokenizer } = await shippedModel(quiet);
  const models = await modelsOn(quiet);
  const { decoder, attention, provenance } = models.get(setup.variant, {
    ...shownOptions(setup.variant),
    ...setup.options,
  });
  const pieces = piecesOf(checkpoint, tokenizer);
  const model = { decoder, attention, position: models.position, weights: provenance.note };
  return runCache(model, setup, {
    tokenizer,
    textOf: (id) => visible(pieces[id] ?? tokenizer.piece(id).trim(), id),
    signal,
    onFrame: ({ length }) => onProgress({ done: length, of: setup.tokens }),
    pause: () => new Promise((resolve) => setTimeout(resolve)),
  });
}

export function sizes({ model, tokens }: { model: string; tokens: number }): SizePicture {
  return sizePicture(model, tokens);
}
