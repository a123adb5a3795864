import { type Cache, type CacheKind, type CacheOptions, createContiguous } from '@headwise/kv-cache';
import {
  attention,
  type Device,
  keep,
  type LayerSpec,
  scope,
  sizeOf,
  type Tensor,
  tensor,
  ValueError,
} from '@headwise/tensor';
import { compare, TOLERANCE } from '../check.ts';
import type { Engine } from '../engines.ts';
import { messageOf, throwIfRefused, Unsupported } from '../errors.ts';
import { formatBytes, formatContext } from '../format.ts';
import { randomValues } from '../random.ts';
import type { CheckReport } from '../results.ts';
import { deviceLabel } from '../views.ts';
import { type CheckPlan, controlOf, type GroupPlan, type PlanContext, type RowPlan } from './suite.ts';
import { type TimedWork, timedOn } from './timed.ts';

/** A kind of cache of any options. */
export interface BenchCache extends Omit<CacheKind, 'create'> {
  readonly create: (options: never) => Cache;
}

/** Tokens of a segment in a cache that evicts by segments. */
const SEGMENT = 16;
/** The last token of a segment, in the middle of a power of two: the last token of a timed length is in an open one. */
const isAnchor = (_: number, position: number): boolean => position % SEGMENT === SEGMENT / 2;

/**
 * Makes a cache from what any kind asks for: a layer, room, and when to evict. One that needs more says so, and its rows
 * repeat it.
 */
function create(kind: BenchCache, options: CacheOptions): Cache {
  try {
    return (kind.create as (options: CacheOptions & { isAnchor: typeof isAnchor }) => Cache)({
      ...options,
      isAnchor,
    });
  } catch (error) {
    throw ValueError.isInstance(error) ? new Unsupported(messageOf(error)) : error;
  }
}

const HEADS = 8;
const WIDTH = 32;
const SINKS = 4;
const B = 2;

/** What a layer of each kind keeps in this suite: the smallest thing that is typical. */
const specs: Readonly<Partial<Record<LayerSpec['kind'], (context: number) => LayerSpec>>> = {
  full: () => ({ kind: 'full', rows: keysAndValues, cap: Infinity, constant: {} }),
  window: (context) => ({
    kind: 'window',
    rows: keysAndValues,
    cap: Math.max(SINKS + 1, Math.min(128, context / 2)),
    constant: {},
  }),
  latent: () => ({ kind: 'latent', rows: { latent: [2 * WIDTH] }, cap: Infinity, constant: {} }),
};
const keysAndValues = { k: [HEADS, WIDTH], v: [HEADS, WIDTH] } as const;

const phases = ['append', 'crop', 'reorder'] as const;
type Phase = (typeof phases)[number];

/** Every cache that keeps rows: appending a token, replacing the last, swapping two sequences, at several lengths. */
export function planCache(context: PlanContext, kinds: readonly BenchCache[]): GroupPlan[] {
  const [engine] = context.engines;
  if (!engine) return [];
  const held = (kind: BenchCache): LayerSpec['kind'] | undefined => kind.holds.find((holds) => specs[holds]);
  const groups = [...new Set(kinds.flatMap((kind) => held(kind) ?? []))];
  return groups.flatMap((layer) =>
    phases.flatMap((phase) =>
      context.profile.cache.contexts.map((length): GroupPlan => {
        const id = `cache/${engine.name}/${layer}/${phase}/${length}/b${B}`;
        const members = kinds.filter((kind) => held(kind) === layer);
        const rows = members.map((kind) =>
          planRow(context, engine, kind, { layer, phase, length, id, first: members[0]! }),
        );
        const shortest = length === Math.min(...context.profile.cache.contexts);
        return {
          id,
          label: `cache, ${phase} at ${formatContext(length)}, ${layer} layers, on ${deviceLabel({ device: engine.name, emulated: engine.emulated })}`,
          rows: shortest ? [...rows, controlOf(rows[0]!)] : rows,
        };
      }),
    ),
  );
}

interface Place {
  readonly layer: LayerSpec['kind'];
  readonly phase: Phase;
  readonly length: number;
  readonly id: string;
  readonly first: BenchCache;
}

function planRow(context: PlanContext, engine: Engine, kind: BenchCache, place: Place): RowPlan {
  const { phase, length, id, first } = place;
  const spec = specs[place.layer]!(length);
  const elements = Object.values(spec.rows).reduce((sum, row) => sum + sizeOf(row), 0);
  const bytes = 4 * B * length * elements;
  return {
    head: {
      id: `${id}/${kind.name}`,
      suite: 'cache',
      device: engine.name,
      emulated: engine.emulated,
      subject: kind.name,
      comparison: 'same-work',
      phase,
      context: length,
      batch: B,
      shape: { layers: 1, rowElements: elements },
      options: { holds: place.layer, ...(spec.cap < Infinity && { cap: spec.cap }) },
      group: id,
      ...(kind !== first && { baseline: `${id}/${first.name}` }),
    },
    engine,
    check: planCheck(context, engine, kind, place.layer),
    needs: { bytes: 6 * bytes, what: `rows ${formatBytes(bytes)}` },
    maxCalls: Math.min(64, length),
    prepare: async (tell) => {
      const { device } = engine;
      const before = device.memory.liveBytes;
      const cache = create(kind, { device, spec, B, capacity: capacityOf(spec, length) });
      const allocatedBytes = device.memory.liveBytes - before;
      tell({
        kv: {
          elementsPerToken: elements,
          formulaBytes: cache.bytes().full,
          slotBytes: cache.bytes().device - cache.bytes().full,
          allocatedBytes,
        },
      });
      const rows = new Rows(device, spec, context.seed);
      const work = workOf(phase, cache, rows, length);
      return timedOn(engine, tell, {
        ownBytes: allocatedBytes,
        ...work,
        dispose: () => {
          rows.dispose();
          cache.dispose();
        },
      });
    },
  };
}

function capacityOf(spec: LayerSpec, length: number): number {
  return spec.cap === Infinity ? length : spec.cap;
}

function workOf(phase: Phase, cache: Cache, rows: Rows, length: number): Pick<TimedWork, 'reset' | 'call'> {
  const to = (tokens: number): void => {
    if (cache.length > tokens) tryCrop(cache, tokens);
    if (cache.length > tokens) cache.reset();
    if (cache.length < tokens) cache.append(rows.of(tokens - cache.length));
  };
  const one = rows.of(1);
  if (phase === 'append') {
    return { reset: (calls) => to(length - calls), call: () => void cache.append(one) };
  }
  to(length);
  if (phase === 'reorder') return { call: () => cache.take([1, 0]) };
  try {
    cache.crop(length - 1);
  } catch (error) {
    throw new Unsupported(messageOf(error));
  }
  // the row is put back in the call: cropping alone is over before the clock has moved
  cache.append(one);
  return {
    call: () => {
      cache.crop(length - 1);
      cache.append(one);
    },
  };
}

function tryCrop(cache: Cache, tokens: number): void {
  try {
    cache.crop(tokens);
  } catch {
    // a window that forgot is filled anew by the caller
  }
}

/** Random rows by length, on a device. */
class Rows {
  readonly #made = new Map<number, Readonly<Record<string, Tensor>>>();
  readonly #device: Device;
  readonly #spec: LayerSpec;
  readonly #seed: number;

  constructor(device: Device, spec: LayerSpec, seed: number) {
    this.#device = device;
    this.#spec = spec;
    this.#seed = seed;
  }

  of(L: number): Readonly<Record<string, Tensor>> {
    let rows = this.#made.get(L);
    if (!rows) {
      rows = Object.fromEntries(
        Object.entries(this.#spec.rows).map(([name, row], i) => {
          const shape = [B, L, ...row];
          return [
            name,
            keep(tensor(this.#device, randomValues(sizeOf(shape), this.#seed + 31 * L + i), shape)),
          ];
        }),
      );
      this.#made.set(L, rows);
    }
    return rows;
  }

  dispose(): void {
    for (const rows of this.#made.values()) for (const row of Object.values(rows)) row.dispose();
  }
}

/**
 * An odd length, appended in pieces: attention over the view must be that over a contiguous cache on the reference. Of
 * what a cache evicts on purpose the reference is told when it is seen last.
 */
const PIECES = [13, 1, 19] as const;
const LOSSY = { atol: 0.05, rtol: 0.05 } as const;

function planCheck(
  { answers, seed }: PlanContext,
  { name, device }: Engine,
  kind: BenchCache,
  layer: LayerSpec['kind'],
): CheckPlan {
  const label = `${kind.name} cache on ${name}`;
  const spec = specs[layer]!(256);
  const tolerance = kind.fidelity === 'lossy' ? LOSSY : TOLERANCE;
  const report: CheckReport = {
    passed: true,
    cases: [`appends of ${PIECES.join(', ')} tokens`],
    worst: 0,
    worstAt: '',
    tolerance,
  };
  return {
    key: `${name} cache ${kind.name}`,
    label,
    run: async (onCase) => {
      await onCase(label);
      try {
        const exact = { ...spec, kind: 'full', cap: Infinity } as const;
        const cache = create(kind, { device, spec, B, capacity: capacityOf(spec, 64) });
        const evicts = cache.view().keyUntil !== undefined;
        const [want] = await answers.remember(
          `cache ${layer}${evicts ? ' evicted' : ''}`,
          async (reference) => [
            await attendOver(
              reference,
              createContiguous({ device: reference, spec: exact, B, capacity: 64 }),
              exact,
              seed,
              evicts,
            ),
          ],
        );
        const got = await attendOver(device, cache, spec, seed);
        const { error, index, outside } = compare(got, want!, tolerance);
        const worst = { ...report, worst: error, worstAt: `[${index}]` };
        const reason = `attention over it differs from the reference at [${index}]: got ${got[index]}, want ${want![index]}`;
        return outside === 0 ? worst : { ...worst, passed: false, reason };
      } catch (error) {
        // what it cannot be made from is said again, and counted as such, when it is to be timed
        if (error instanceof Unsupported) return report;
        throwIfRefused(device, error);
        return { ...report, passed: false, reason: messageOf(error) };
      }
    },
  };
}

/** By slot of a contiguous cache, the last position that sees it: the anchor that ends its segment, none for anchors. */
function lastSeenBy(capacity: number): Int32Array {
  return Int32Array.from({ length: capacity }, (_, position) => {
    if (isAnchor(0, position)) return 2 ** 31 - 1;
    let anchor = position;
    while (!isAnchor(0, anchor)) anchor++;
    return anchor;
  });
}

/** Fills a cache in pieces and attends to it with one query; frees it. */
async function attendOver(
  device: Device,
  cache: Cache,
  spec: LayerSpec,
  seed: number,
  evicted = false,
): Promise<Float32Array> {
  const rows = new Rows(device, spec, seed);
  try {
    let view = cache.view();
    for (const piece of PIECES) view = cache.append(rows.of(piece));
    const [first, second = first] = Object.keys(spec.rows);
    const out = scope(() => {
      const heads = spec.rows[first!]!.length === 2 ? HEADS : 1;
      const width = spec.rows[first!]!.at(-1)!;
      const q = tensor<'B Lq H D'>(device, randomValues(B * heads * width, seed), [B, 1, heads, width]);
      const until = evicted
        ? tensor<'B Lk'>(device, lastSeenBy(cache.capacity), [1, cache.capacity])
        : view.keyUntil;
      const asHeads = (one: Tensor): Tensor => one.reshape([B, one.shape[1]!, heads, width]);
      return attention(
        {
          q,
          k: asHeads(view.rows[first!]!),
          v: asHeads(view.rows[second!]!),
          keyPositions: view.keyPositions,
          keyUntil: until,
          ...(view.keyPositions && {
            queryPositions: tensor<'B Lq'>(device, Int32Array.from([lengthOf(PIECES) - 1]), [1, 1]),
          }),
        },
        { causal: { offset: lengthOf(PIECES) - 1 }, valid: view.valid },
      );
    });
    const values = await out.data();
    out.dispose();
    return values;
  } finally {
    rows.dispose();
    cache.dispose();
  }
}

function lengthOf(pieces: readonly number[]): number {
  return pieces.reduce((sum, piece) => sum + piece, 0);
}
