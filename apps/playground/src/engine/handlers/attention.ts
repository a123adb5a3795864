import type { AttentionVariant } from '@headwise/attention-variants';
import { variants as registry } from '@headwise/attention-variants/registry';
import type { Device } from '@headwise/tensor';
import { type Trace, type TraceParams, trace as traceOf } from '../attention/trace.ts';
import { VariantModels } from '../attention/variant-models.ts';
import type { HandlerContext } from '../handler.ts';
import { type FetchProgress, shippedModel } from '../shipped-model.ts';

declare module '../engine.ts' {
  interface Asks {
    'attention.load': { params: undefined; result: LoadedText; progress: FetchProgress };
    'attention.variants': { params: undefined; result: readonly VariantEntry[] };
    'attention.footprints': {
      params: { readonly tokens: number };
      result: readonly { readonly name: string; readonly bytes: number }[];
    };
    'attention.trace': { params: TraceParams; result: Trace; progress: FetchProgress };
  }
}

/** What a page needs to know of a variant. */
export interface VariantEntry {
  readonly name: string;
  readonly title: string;
  readonly summary: string;
  readonly defaults: Readonly<Record<string, unknown>>;
  /** Why it cannot read a text by itself. */
  readonly refused: string | undefined;
}

export interface LoadedText {
  /** Most tokens the model was trained for. */
  readonly context: number;
  /** What the model was trained with. */
  readonly own: { readonly variant: string; readonly options: Readonly<Record<string, unknown>> };
}

/** Every variant of the registry, in its order. */
export function variants(): readonly VariantEntry[] {
  return (Object.values(registry) as AttentionVariant[]).map(
    ({ name, title, summary, defaults, needsSource }) => ({
      name,
      title,
      summary,
      defaults: plain(defaults),
      refused: needsSource ? 'reads a source, and this model has none' : undefined,
    }),
  );
}

/** Fetches the model and puts it on the device. */
export async function load(_: undefined, context: HandlerContext): Promise<LoadedText> {
  const models = await modelsOn(context);
  return { context: models.context, own: models.own };
}

/** What each variant keeps of a text of so many tokens. */
export async function footprints({ tokens }: { readonly tokens: number }, context: HandlerContext) {
  return (await modelsOn(context)).footprints(tokens);
}

/** The text through a variant. */
export async function trace(params: TraceParams, context: HandlerContext): Promise<Trace> {
  const models = await modelsOn(context);
  const { tokenizer } = await shippedModel(context);
  return traceOf(models.get(params.variant, params.options), tokenizer, params, context.signal);
}

const made = new WeakMap<Device, Promise<VariantModels>>();

/** The trained model on the device, for any variant: what all views that run it share. */
export async function modelsOn(context: HandlerContext): Promise<VariantModels> {
  const shipped = await shippedModel(context);
  const device = await context.device();
  const making = made.get(device) ?? VariantModels.create(device, shipped);
  made.set(device, making);
  making.catch(() => made.delete(device));
  return making;
}

/** Options that can be sent to the page: what is no plain value (a function, a modifier) is not to be typed anyway. */
function plain(defaults: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(defaults).filter(([, value]) => isPlain(value)));
}

function isPlain(value: unknown): boolean {
  return value === null || Array.isArray(value)
    ? Array.isArray(value) && value.every(isPlain)
    : !/function|object|symbol/.test(typeof value);
}
