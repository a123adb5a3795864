import { createStates, disposeStates, kv, specsOf as specsOfConfig } from '@headwise/kv-cache';
import { type LayerSpec, stateId } from '@headwise/tensor';
import type { Engine } from '../engines.ts';
import { messageOf } from '../errors.ts';
import { formatBytes } from '../format.ts';
import type { MemoryRow, StateFacts } from '../results.ts';
import { layersOf, specsOf } from '../stack.ts';
import { realModels } from './real-models.ts';
import type { PlanContext } from './suite.ts';

/** Contexts of the tables and of the curve. */
export const CONTEXTS: readonly number[] = [
  1024, 2048, 4096, 8192, 16_384, 32_768, 65_536, 131_072, 262_144, 524_288, 1_048_576,
];
const CURVE: readonly number[] = [64, 128, 256, 512, ...CONTEXTS.slice(0, 8)];

/** Layers that the picture of sharing shows, and the context it is computed at. */
const PICTURE = { layers: 8, context: 1024 } as const;

export interface MemoryOptions {
  /** Bytes that may be taken for one allocation. */
  readonly available: number;
  readonly onProgress: (label: string, done: number) => Promise<void>;
  readonly stopped: () => boolean;
}

/**
 * KV memory of named real configurations, as published and with each variant at their shape: computed by `kv()`, and
 * beside it what a device really allocated for a context that fits.
 */
export async function measureMemory(
  { profile, engines, subjects }: PlanContext,
  { available, onProgress, stopped }: MemoryOptions,
): Promise<MemoryRow[]> {
  const [engine] = engines;
  const rows: MemoryRow[] = [];
  for (const [i, model] of realModels.entries()) {
    if (stopped()) break;
    await onProgress(`memory of ${model.name}`, i / realModels.length);
    const published = specsOfConfig(model.kv);
    const base = { config: model.name, source: model.source };
    rows.push({
      ...base,
      subject: 'published',
      ...footprintOf(published),
      ...(model.bytesPerToken !== undefined && { publishedBytesPerToken: model.bytesPerToken }),
      ...(engine && allocate(engine, published, profile.allocate, available)),
    });
    for (const { facts, variant } of subjects) {
      try {
        variant.check(model.shape);
        const specs = specsOf(variant, model.shape);
        const allocated = engine && i === 0 ? allocate(engine, specs, profile.allocate, available) : {};
        rows.push({ ...base, subject: facts.name, ...footprintOf(specs), ...allocated });
      } catch (error) {
        rows.push({
          ...base,
          subject: facts.name,
          elementsPerToken: 0,
          elements: {},
          reason: messageOf(error),
        });
      }
    }
  }
  return rows;
}

function footprintOf(specs: readonly LayerSpec[]): Pick<MemoryRow, 'elementsPerToken' | 'elements'> {
  const footprint = kv(specs);
  return {
    elementsPerToken: footprint.elementsPerToken,
    elements: Object.fromEntries(CONTEXTS.map((tokens) => [tokens, footprint.elements({ tokens })])),
  };
}

/** Makes the caches, reads the device's counter, frees them. */
function allocate(
  { name, device }: Engine,
  specs: readonly LayerSpec[],
  context: number,
  available: number,
): Pick<MemoryRow, 'allocated' | 'reason'> {
  const formulaBytes = kv(specs).deviceBytes({ capacity: context });
  if (formulaBytes > available)
    return {
      reason: `needs ${formatBytes(formulaBytes)} at ${context} tokens, ${formatBytes(available)} are free`,
    };
  const before = device.memory.liveBytes;
  try {
    const states = createStates(specs, { device, B: 1, capacity: context });
    const allocatedBytes = device.memory.liveBytes - before;
    disposeStates(states);
    return { allocated: { device: name, context, formulaBytes, allocatedBytes } };
  } catch (error) {
    return { reason: messageOf(error) };
  }
}

/** What each variant stores and reads, layer by layer, and its bytes by context for the timed stack. */
export function stateFacts({ profile, engines, subjects }: PlanContext): StateFacts[] {
  return subjects.flatMap((subject): StateFacts[] => {
    const { facts, variant } = subject;
    const shape = { ...profile.shape, layers: PICTURE.layers };
    try {
      variant.check(profile.shape);
      variant.check(shape);
    } catch {
      return []; // its rows say why
    }
    const timed = kv(specsOf(variant, profile.shape));
    const specs = specsOf(variant, shape);
    const stored = kv(specs).layerBytes({ tokens: PICTURE.context });
    return [
      {
        subject: facts.name,
        curve: Object.fromEntries(CURVE.map((tokens) => [tokens, timed.bytes({ tokens })])),
        context: PICTURE.context,
        layers: layersOf(shape).map((layer) => {
          const { kind, producer } = specs[layer]!;
          const { stateReads } = variant.cost(shape, { B: 1, Lq: 1, Lk: PICTURE.context, layer });
          const weights = Object.values(variant.parameters(shape, layer));
          return {
            layer,
            kind,
            ...(producer !== undefined && { producer: layerOf(shape, producer) }),
            storedBytes: stored[layer]!,
            readBytes: 4 * stateReads,
            parameters: weights.reduce((sum, size) => sum + size.reduce((a, b) => a * b, 1), 0),
          };
        }),
        ...allocatedFor(engines[0], specs),
      },
    ];
  });
}

function allocatedFor(
  engine: Engine | undefined,
  specs: readonly LayerSpec[],
): Pick<StateFacts, 'allocatedBytes' | 'device'> {
  if (!engine) return {};
  const { allocated } = allocate(engine, specs, PICTURE.context, Infinity);
  return allocated ? { allocatedBytes: allocated.allocatedBytes, device: engine.name } : {};
}

/** The layer whose state has this id. */
function layerOf(shape: Parameters<typeof layersOf>[0], id: string): number {
  return layersOf(shape).find((layer) => stateId(layer) === id)!;
}
