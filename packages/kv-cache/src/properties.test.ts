import { createReference, type LayerSpec, scope, type Tensor, tensor, ValueError } from '@headwise/tensor';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { plainSpec } from './conformance/index.ts';
import type { CacheSubject } from './conformance/subject.ts';
import { createTwin, type Twin } from './conformance/twin.ts';
import {
  type Cache,
  cloneStates,
  createPaged,
  createQuantized,
  createStates,
  cropStates,
  disposeStates,
  loadStates,
  reorderStates,
  resetStates,
  type StatesOptions,
  saveStates,
} from './index.ts';
import { subjects } from './testing/subjects.ts';

/**
 * Random sequences of calls against plain lists of tokens, to which cropping is slicing and a fork is a copy. The seed is
 * fixed; HEADWISE_LONG=1 tries a hundred times as many, of a seed of their own.
 */
const long = process.env.HEADWISE_LONG === '1';
const runs = (few: number) => (long ? { numRuns: 100 * few } : { numRuns: few, seed: 20_260 });
const timeout = long ? 3_600_000 : 60_000;
const B = 3;

type Call =
  | { readonly call: 'append'; readonly L: number }
  | { readonly call: 'crop'; readonly back: number }
  | { readonly call: 'reorder'; readonly order: readonly number[] }
  | { readonly call: 'reset' | 'reload' | 'fork' | 'other' };

const calls = fc.array(
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({ call: fc.constant('append' as const), L: fc.integer({ min: 0, max: 7 }) }),
    },
    {
      weight: 2,
      arbitrary: fc.record({ call: fc.constant('crop' as const), back: fc.integer({ min: 0, max: 9 }) }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        call: fc.constant('reorder' as const),
        order: fc.array(fc.integer({ min: 0, max: B - 1 }), { minLength: B, maxLength: B }),
      }),
    },
    { weight: 3, arbitrary: fc.record({ call: fc.constantFrom('reset', 'reload', 'fork', 'other') }) },
  ) as fc.Arbitrary<Call>,
  { minLength: 4, maxLength: 16 },
);

/** A cache with the lists it must be equal to, and how far back it must be able to go. */
interface Course {
  twin: Twin;
  /** Longest it was since it was empty. */
  peak: number;
  /** A file does not have what a crop would bring back. */
  reloaded: boolean;
}

async function make(subject: CacheSubject, course: Course, call: Call, most: number): Promise<void> {
  const { twin } = course;
  const { length } = twin;
  if (call.call === 'append') {
    const over = !subject.endless && length + call.L > most;
    if (over && twin.cache.kind === 'anchor-evicting') return;
    if (over) {
      expect(() => scope(() => twin.cache.append(twin.rows(call.L)))).toThrow(ValueError);
      expect(twin.cache.length).toBe(length);
    } else await twin.append(call.L);
    course.peak = Math.max(course.peak, twin.length);
  } else if (call.call === 'crop') {
    const to = Math.max(0, length - call.back);
    const must =
      to === 0 || to === length || (!course.reloaded && course.peak - to <= (subject.cropsBack ?? Infinity));
    try {
      twin.crop(to);
    } catch (error) {
      if (!ValueError.isInstance(error)) throw error;
      expect([to, must, twin.cache.length]).toEqual([to, false, length]);
    }
    if (to === 0) Object.assign(course, { peak: 0, reloaded: false });
  } else if (call.call === 'reorder') {
    twin.reorder(call.order);
  } else if (call.call === 'reset') {
    twin.reset();
    Object.assign(course, { peak: 0, reloaded: false });
  } else {
    const file = await twin.cache.save();
    const fresh = createTwin(subject, twin.device, B).cache;
    fresh.load(file);
    course.twin = twin.with(fresh);
    course.reloaded = true;
    twin.cache.dispose();
  }
}

describe('any calls on', () => {
  for (const [name, subject] of Object.entries(subjects) as [string, CacheSubject][])
    it(`a ${name} cache equal the same on lists`, { timeout }, async () => {
      await fc.assert(
        fc.asyncProperty(calls, async (list) => {
          const device = createReference();
          const courses: Course[] = [{ twin: createTwin(subject, device, B), peak: 0, reloaded: false }];
          const most = subject.capacity ?? 24;
          for (const call of list) {
            const course = courses.at(-1)!;
            if (call.call === 'fork') {
              if (courses.length < 3) courses.push({ ...course, twin: course.twin.clone() });
            } else if (call.call === 'other') courses.unshift(courses.pop()!);
            else await make(subject, course, call, most);
          }
          // each is what it was made to be, whatever was done to the others
          for (const course of courses) {
            await make(subject, course, { call: 'append', L: 1 }, most);
            course.twin.cache.dispose();
          }
          expect(device.memory.buffers).toBe(0);
        }),
        runs(12),
      );
    });
});

const window: LayerSpec = { ...plainSpec, kind: 'window', cap: 4 };
const specs: readonly LayerSpec[] = [
  window,
  plainSpec,
  { kind: 'shared', rows: {}, cap: Infinity, constant: {}, producer: 1 },
  { kind: 'latent', rows: { latent: [3] }, cap: Infinity, constant: {} },
];
const mixes: Readonly<Record<string, NonNullable<StatesOptions['create']>>> = {
  'their own': {},
  paged: {
    full: (o) => createPaged({ ...o, blockSize: 4, blocks: 12 }),
    window: (o) => createPaged({ ...o, blockSize: 2, blocks: 21 }),
  },
  quantized: { full: (o) => createQuantized({ ...o, group: 2, residual: 2 }), window: createPaged },
};

/** One step of a model in which every number of a token is its own. @returns whether it was taken */
function step(states: readonly Cache[], tokens: readonly (readonly number[])[]): boolean {
  const L = tokens[0]!.length;
  try {
    scope(() => {
      for (const state of states) {
        const rows = Object.entries(state.spec.rows).map(([name, row]): [string, Tensor] => {
          const width = row.reduce((a, b) => a * b, 1);
          const values = tokens.flat().flatMap((token) => Array<number>(width).fill(token));
          return [name, tensor((state as Cache & { device: never }).device, values, [B, L, ...row])];
        });
        if (rows.length > 0) state.append(Object.fromEntries(rows));
      }
    });
    return true;
  } catch (error) {
    if (!ValueError.isInstance(error)) throw error;
    return false;
  }
}

/** The tokens that a view shows of each sequence, by position. */
async function shown(state: Cache): Promise<Map<number, number>[]> {
  const { rows, valid, keyPositions } = state.view();
  const [first] = Object.values(rows);
  const values = await first!.data();
  const width = first!.size / (B * first!.shape[1]!);
  const positions = keyPositions && (await keyPositions.data());
  return Array.from({ length: B }, (_, b) => {
    const tokens = Array.from({ length: valid }, (_, slot): [number, number] => [
      positions ? positions[slot]! : slot,
      values[(b * first!.shape[1]! + slot) * width]!,
    ]);
    return new Map(tokens.filter(([position]) => position >= 0));
  });
}

describe('any calls on the layers of a model', () => {
  for (const [name, create] of Object.entries(mixes))
    it(`with caches of ${name} change all of them or none`, { timeout }, async () => {
      await fc.assert(
        fc.asyncProperty(calls, async (list) => {
          const device = createReference();
          const start = (): Cache[] => createStates(specs, { device, B, capacity: 13, slack: 2, create });
          const courses = [{ states: start(), tokens: Array.from({ length: B }, (): number[] => []) }];
          let next = 1;
          for (const call of list) {
            const course = courses.at(-1)!;
            const { states, tokens } = course;
            const length = tokens[0]!.length;
            if (call.call === 'append') {
              const fresh = tokens.map(() => Array.from({ length: call.L }, () => next++ % 200));
              if (step(states, fresh)) for (const [b, row] of tokens.entries()) row.push(...fresh[b]!);
              // the pool of a paged cache is shared by its forks
              else expect(length + call.L > 13 || (courses.length > 1 && name !== 'their own')).toBe(true);
            } else if (call.call === 'crop') {
              const to = Math.max(0, length - call.back);
              try {
                cropStates(states, to);
                for (const row of tokens) row.length = to;
              } catch (error) {
                if (!ValueError.isInstance(error)) throw error;
                expect(to).toBeGreaterThan(0);
              }
            } else if (call.call === 'reorder') {
              reorderStates(states, call.order);
              course.tokens = call.order.map((from) => [...tokens[from]!]);
            } else if (call.call === 'reset') {
              resetStates(states);
              for (const row of tokens) row.length = 0;
            } else if (call.call === 'reload') {
              const file = await saveStates(states);
              disposeStates(states);
              course.states = start();
              loadStates(course.states, file);
            } else if (call.call === 'fork') {
              if (courses.length < 3)
                courses.push({ states: cloneStates(states), tokens: tokens.map((row) => [...row]) });
            } else courses.unshift(courses.pop()!);
            const now = courses.at(-1)!;
            const lengths = now.states.map((state) => state.length);
            expect(lengths).toEqual(lengths.map(() => now.tokens[0]!.length));
          }
          for (const { states, tokens } of courses) {
            for (const state of states)
              (await shown(state)).forEach((seen, b) => {
                const row = tokens[b]!;
                const oldest = state.spec.kind === 'window' ? Math.max(0, row.length - window.cap) : 0;
                for (let position = oldest; position < row.length; position++)
                  expect(seen.get(position)).toBeCloseTo(row[position]!, 0);
              });
            disposeStates(states);
          }
          expect(device.memory.buffers).toBe(0);
        }),
        runs(25),
      );
    });
});
