import type { Device } from '@headwise/tensor';
import { baseOf } from '../../views/cache/base.ts';
import { type Base, variantEntries } from '../../views/cache/decoder.ts';
import { type CacheEntry, cacheEntries, keptBy, runCache } from '../../views/cache/model.ts';
import type { CacheSetup, Run, SizePicture } from '../../views/cache/picture.ts';
import { sizeModels, sizePicture } from '../../views/cache/sizes.ts';
import { visible } from '../../views/pieces.ts';
import type { HandlerContext } from '../handler.ts';
import { shippedModel } from '../shipped-model.ts';

/** Of how many tokens there is a picture. */
export interface RunProgress {
  readonly done: number;
  readonly of: number;
}

/** What there is to choose from. */
export interface CacheEntries {
  readonly variants: ReturnType<typeof variantEntries>;
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

const bases = new WeakMap<Device, Promise<Base>>();

async function base({ device, signal, onProgress }: HandlerContext): Promise<Base> {
  const on = await device();
  const { checkpoint } = await shippedModel({ signal, onProgress });
  // what comes once is kept: not to be given up with the question that brought it
  const made = bases.get(on) ?? baseOf(on, checkpoint);
  bases.set(on, made);
  made.catch(() => bases.delete(on));
  return made;
}

export async function entries(_: undefined, context: HandlerContext): Promise<CacheEntries> {
  const { trained } = await base(context);
  return { variants: variantEntries(trained), caches: cacheEntries(), models: sizeModels() };
}

export async function kept(
  setup: Pick<CacheSetup, 'variant' | 'options'>,
  context: HandlerContext,
): Promise<readonly string[]> {
  return keptBy(await base(context), setup);
}

export async function run(setup: CacheSetup, context: HandlerContext): Promise<Run> {
  const { signal, onProgress } = context;
  const { checkpoint, tokenizer } = await shippedModel({ signal, onProgress: () => {} });
  const pieces = checkpoint.tokenizer?.kind === 'llama2c' ? checkpoint.tokenizer.vocabulary.pieces : [];
  return runCache(await base({ ...context, onProgress: () => {} }), setup, {
    tokenizer,
    textOf: (id) => visible(pieces[id] ?? tokenizer.piece(id), id).replace(/^↵(<.*>)↵$/, '$1'),
    signal,
    onFrame: ({ length }) => onProgress({ done: length, of: setup.tokens }),
    pause: () => new Promise((resolve) => setTimeout(resolve)),
  });
}

export function sizes({ model, tokens }: { model: string; tokens: number }): SizePicture {
  return sizePicture(model, tokens);
}
