import type { AttentionVariant } from '@headwise/attention-variants';
import type { Device } from '@headwise/tensor';
import { type Clock, machineClock, yieldToEvents } from '../clock.ts';
import { builtInDevices, checkDeviceNames, type DeviceSource } from '../engines.ts';
import { UsageError } from '../errors.ts';
import type { QualityProfile } from '../profiles.ts';
import type { RunProgress } from '../run.ts';
import { chooseSubjects, type Subject, type SubjectOptions } from '../subjects.ts';
import { type Cell, type CellStore, type Shard, sweep } from '../sweep.ts';
import { qualityCells } from './cells.ts';
import type { Quality, QualityCell, QualityComparison, QualityRecipe } from './contract.ts';
import { type Corpus, corpusOf } from './corpus.ts';
import { littleStories } from './stories.ts';

/** What any sweep of trainings needs around it. */
export interface SweepRun<Result, Recipe = QualityRecipe> {
  /** Default `wasm`, the fastest to train on. */
  readonly device?: string | undefined;
  readonly deviceSource?: DeviceSource | undefined;
  /** Keeps cells that are done; the recipe is told first, so that cells of another are refused, or of a device that rounds otherwise. */
  readonly store: (recipe: Recipe & { readonly device: string }) => CellStore<Result>;
  readonly shard?: Shard | undefined;
  readonly machine: string;
  readonly clock?: Clock | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: RunProgress) => void) | undefined;
}

export interface QualityOptions extends SubjectOptions, SweepRun<QualityCell> {
  readonly profile: QualityProfile;
  readonly registry: Readonly<Record<string, AttentionVariant>>;
  /** Default both would take twice the time: equal parameters alone. */
  readonly comparisons?: readonly QualityComparison[] | undefined;
  /** A text of one's own, instead of little stories. */
  readonly text?: { readonly name: string; readonly bytes: Uint8Array } | undefined;
}

/** The variants that a run trains. @throws {UsageError} for a name that is not known. */
export function qualitySubjects({
  profile,
  registry,
  ...options
}: Pick<QualityOptions, 'profile' | 'registry'> & SubjectOptions): Subject[] {
  return chooseSubjects(registry, { ...options, names: options.names ?? profile.names });
}

/**
 * The text of a run, and how its models are trained.
 * @param longest row that is checked, in lengths of training
 * @throws {UsageError} for a text that is too short.
 */
export function qualityRecipe(
  { profile, text }: Pick<QualityOptions, 'profile' | 'text'>,
  longest = 1,
): { readonly recipe: QualityRecipe; readonly corpus: Corpus } {
  const { names: _, storyBytes, ...sizes } = profile;
  const { name, bytes } = text ?? {
    name: `${storyBytes} bytes of little stories`,
    bytes: new TextEncoder().encode(littleStories(storyBytes)),
  };
  const corpus = corpusOf(name, bytes, longest * profile.T);
  const { V, digest, check } = corpus;
  const checked = Math.min(sizes.checked, check.length - 1);
  return { corpus, recipe: { ...sizes, checked, text: { name, bytes: bytes.length, digest, V } } };
}

/**
 * Trains the same small decoder with each variant, several times, and says what it came to.
 *
 * @throws {UsageError} for variants or a device that are not known, a device that does not work here, or a text that is too
 * short; what `store` throws.
 */
export async function runQuality(options: QualityOptions): Promise<Quality> {
  const { recipe, corpus } = qualityRecipe(options);
  const subjects = qualitySubjects(options);
  const clock = options.clock ?? machineClock();
  const { device: deviceName = DEVICE, comparisons = ['equal-parameters'], machine } = options;
  const { plan, cells } = await sweepOn(options, recipe, clock, (device) =>
    qualityCells({ recipe, corpus, subjects, comparisons, device, deviceName, machine, clock }),
  );
  return { recipe, plan, cells };
}

const DEVICE = 'wasm';

/**
 * Does the cells of a sweep on a device that it opens and closes.
 * @throws {UsageError} for a device that is not known or does not work here; what `store` and a cell throw.
 */
export async function sweepOn<Result extends { readonly id: string }, Recipe = QualityRecipe>(
  options: SweepRun<Result, Recipe>,
  recipe: Recipe,
  clock: Clock,
  cellsOn: (device: Device) => Cell<Result>[],
): Promise<{ readonly plan: readonly string[]; readonly cells: readonly Result[] }> {
  const { device: name = DEVICE, deviceSource = builtInDevices, shard, onProgress } = options;
  const signal = options.signal ?? new AbortController().signal;
  checkDeviceNames([name], deviceSource.names);
  const store = options.store({ ...recipe, device: name });
  const device = await deviceSource.create(name).catch((error: Error) => {
    throw new UsageError(`${name} does not work here: ${error.message}. Another one: --devices gpujs:webasm`);
  });
  try {
    const cells = cellsOn(device);
    const began = clock.now();
    // what was kept costs no time, and says nothing of the rest
    let first: number | undefined;
    const done = await sweep({
      cells,
      store,
      shard,
      signal,
      onProgress: async (share, label) => {
        first ??= share;
        const passed = clock.now() - began;
        onProgress?.({
          stage: 'train',
          label,
          done: share,
          // the first steps, which compile, say little of the rest
          ...(share - first > 0.01 && { leftMs: (passed / (share - first)) * (1 - share) }),
        });
        await yieldToEvents();
      },
    });
    return {
      plan: cells.map(({ id }) => id),
      cells: cells.flatMap(({ id }) => done.get(id) ?? []),
    };
  } finally {
    device.dispose();
  }
}
