import {
  createPositions,
  createReference,
  type Device,
  type LayerSpec,
  NOBODY,
  scope,
  type Tensor,
  tensor,
  ValueError,
} from '@headwise/tensor';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { plainSpec } from './conformance/index.ts';
import type { CacheSubject } from './conformance/subject.ts';
import { createTwin, padded, type Twin } from './conformance/twin.ts';
import {
  type Cache,
  cloneStates,
  createPaged,
  createQuantized,
  createStates,
  cropStates,
  disposeStates,
  loadStates,
  resetStates,
  type StatesOptions,
  saveStates,
  takeStates,
} from './index.ts';
import { subjects } from './testing/subjects.ts';

/**
 * Random sequences of calls against plain lists of tokens, to which cropping is slicing, taking is
 * picking and a fork is a copy; sequences grow evenly or each by tokens of its own. The seed is
 * fixed; HEADWISE_LONG=1 tries a hundred times as many, of a seed of their own.
 */
const long = process.env.HEADWISE_LONG === '1';
const runs = (few: number) => (long ? { numRuns: 100 * few } : { numRuns: few, seed: 20_260 });
const patience = long ? { timeout: 3_600_000 } : {};
const B = 3;

type Call =
  | { readonly call: 'append'; readonly L: number }
  | { readonly call: 'ragged'; readonly counts: readonly number[]; readonly side: 'left' | 'right' }
  | { readonly call: 'crop'; readonly back: number }
  | { readonly call: 'crop each'; readonly backs: readonly number[] }
  | { readonly call: 'take'; readonly order: readonly number[] }
  | { readonly call: 'reset' | 'reload' | 'fork' | 'other' };

/** A number for each sequence, however many there are by then. */
const each = (max: number) => fc.array(fc.integer({ min: 0, max }), { minLength: B, maxLength: B });

const weighted: readonly (readonly [weight: number, arbitrary: fc.Arbitrary<Call>])[] = [
  [5, fc.record({ call: fc.constant('append' as const), L: fc.integer({ min: 0, max: 7 }) })],
  [
    3,
    fc.record({
      call: fc.constant('ragged' as const),
      counts: each(5),
      side: fc.constantFrom('left' as const, 'right' as const),
    }),
  ],
  [1, fc.record({ call: fc.constant('crop' as const), back: fc.integer({ min: 0, max: 9 }) })],
  [1, fc.record({ call: fc.constant('crop each' as const), backs: each(4) })],
  [
    2,
    fc.record({
      call: fc.constant('take' as const),
      order: fc.array(fc.integer({ min: 0, max: B - 1 }), { minLength: 1, maxLength: B }),
    }),
  ],
  [
    3,
    fc.record({
      call: fc.constantFrom('reset' as const, 'reload' as const, 'fork' as const, 'other' as const),
    }),
  ],
];
const calls = fc.array(fc.oneof(...weighted.map(([weight, arbitrary]) => ({ weight, arbitrary }))), {
  minLength: 4,
  maxLength: 16,
});

/** The lengths that a crop asks for, of sequences that are so long. */
function croppedTo(
  call: Extract<Call, { call: 'crop' | 'crop each' }>,
  lengths: readonly number[],
): number[] {
  if (call.call === 'crop') {
    const to = Math.max(0, Math.max(...lengths) - call.back);
    return lengths.map((length) => Math.min(length, to));
  }
  return lengths.map((length, b) => Math.max(0, length - call.backs[b]!));
}

/** Among as many sequences as there are. */
const among = (order: readonly number[], present: number): number[] => order.map((from) => from % present);

/** A cache with the lists it must be equal to, and how far back it must be able to go. */
interface Course {
  twin: Twin;
  /** Longest that each sequence was since it was empty. */
  peaks: readonly number[];
  /** A file does not have what a crop would bring back. */
  reloaded: boolean;
}

async function make(subject: CacheSubject, course: Course, call: Call, most: number): Promise<void> {
  const { twin } = course;
  const { lengths } = twin;
  const present = lengths.length;
  if (call.call === 'append' || call.call === 'ragged') {
    const tokens = call.call === 'append' ? call.L : padded(call.counts.slice(0, present), call.side);
    const counts = call.call === 'append' ? lengths.map(() => call.L) : call.counts;
    const over = !subject.endless && lengths.some((length, b) => length + counts[b]! > most);
    if (over && twin.cache.kind === 'anchor-evicting') return;
    if (over) {
      const L = Math.max(...counts.slice(0, present));
      expect(() => scope(() => twin.cache.append(twin.rows(L), twin.positions(tokens)))).toThrow(ValueError);
      expect(twin.cache.lengths).toEqual(lengths);
    } else await twin.append(tokens);
    course.peaks = twin.lengths.map((length, b) => Math.max(course.peaks[b]!, length));
  } else if (call.call === 'crop' || call.call === 'crop each') {
    const to = croppedTo(call, lengths);
    const reach = subject.cropsBack ?? Infinity;
    const must = to.every(
      (length, b) =>
        length === 0 || length === lengths[b] || (!course.reloaded && course.peaks[b]! - length <= reach),
    );
    try {
      twin.crop(call.call === 'crop' ? Math.max(...to) : to);
      course.peaks = to.map((length, b) => (length === 0 ? 0 : course.peaks[b]!));
    } catch (error) {
      if (!ValueError.isInstance(error)) throw error;
      expect([to, must, twin.cache.lengths]).toEqual([to, false, lengths]);
    }
  } else if (call.call === 'take') {
    const order = among(call.order, present);
    twin.take(order);
    course.peaks = order.map((from) => course.peaks[from]!);
  } else if (call.call === 'reset') {
    twin.reset();
    Object.assign(course, { peaks: lengths.map(() => 0), reloaded: false });
  } else {
    const file = await twin.cache.save();
    const fresh = createTwin(subject, twin.device, present).cache;
    fresh.load(file);
    course.twin = twin.with(fresh);
    course.reloaded = true;
    twin.cache.dispose();
  }
}

describe('any calls on', () => {
  for (const [name, subject] of Object.entries(subjects) as [string, CacheSubject][])
    it(`a ${name} cache equal the same on lists`, patience, async () => {
      await fc.assert(
        fc.asyncProperty(calls, async (list) => {
          const device = createReference();
          const courses: Course[] = [
            { twin: createTwin(subject, device, B), peaks: [0, 0, 0], reloaded: false },
          ];
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
  { kind: 'shared', rows: {}, cap: Infinity, constant: {}, producer: '1.self' },
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

/**
 * One step of a model in which every number of a token is its own, filled up on the right where sequences take unequal
 * numbers of tokens.
 * @returns whether it was taken
 */
function step(device: Device, states: readonly Cache[], tokens: readonly (readonly number[])[]): boolean {
  const L = Math.max(...tokens.map((row) => row.length));
  const even = tokens.every((row) => row.length === L);
  const columns = tokens.map((row) => Array.from({ length: L }, (_, i) => row[i] ?? Number.NaN));
  const { lengths } = states[0]!;
  try {
    scope(() => {
      const at = createPositions(
        device,
        tokens.map((row, b) => columns[b]!.map((_, i) => (i < row.length ? lengths[b]! + i : NOBODY))),
      );
      for (const state of states) {
        const rows = Object.entries(state.spec.rows).map(([name, row]): [string, Tensor] => {
          const width = row.reduce((a, b) => a * b, 1);
          const values = columns.flat().flatMap((token) => Array<number>(width).fill(token));
          return [name, tensor(device, values, [tokens.length, L, ...row])];
        });
        if (rows.length > 0) state.append(Object.fromEntries(rows), even ? undefined : at);
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
  const slots = first!.shape[1]!;
  const width = first!.size / (state.B * slots);
  const positions = keyPositions && (await keyPositions.data());
  return Array.from({ length: state.B }, (_, b) => {
    const row = keyPositions?.shape[0] === 1 ? 0 : b;
    const tokens = Array.from({ length: valid }, (_, slot): [number, number] => [
      positions ? positions[row * slots + slot]! : slot,
      values[(b * slots + slot) * width]!,
    ]);
    return new Map(tokens.filter(([position]) => position >= 0));
  });
}

describe('any calls on the layers of a model', () => {
  for (const [name, create] of Object.entries(mixes))
    it(`with caches of ${name} change all of them or none`, patience, async () => {
      await fc.assert(
        fc.asyncProperty(calls, async (list) => {
          const device = createReference();
          const start = (present: number): Cache[] =>
            createStates(specs, { device, B: present, capacity: 13, slack: 2, create });
          const courses = [{ states: start(B), tokens: Array.from({ length: B }, (): number[] => []) }];
          let next = 1;
          for (const call of list) {
            const course = courses.at(-1)!;
            const { states, tokens } = course;
            if (call.call === 'append' || call.call === 'ragged') {
              const fresh = tokens.map((_, b) =>
                Array.from({ length: call.call === 'append' ? call.L : call.counts[b]! }, () => next++ % 200),
              );
              const over = tokens.some((row, b) => row.length + fresh[b]!.length > 13);
              if (step(device, states, fresh))
                for (const [b, row] of tokens.entries()) row.push(...fresh[b]!);
              // the pool of a paged cache is shared by its forks
              else expect(over || (courses.length > 1 && name !== 'their own')).toBe(true);
            } else if (call.call === 'crop' || call.call === 'crop each') {
              const to = croppedTo(
                call,
                tokens.map((row) => row.length),
              );
              try {
                cropStates(states, to);
                for (const [b, row] of tokens.entries()) row.length = to[b]!;
              } catch (error) {
                if (!ValueError.isInstance(error)) throw error;
                expect(Math.max(...to)).toBeGreaterThan(0);
              }
            } else if (call.call === 'take') {
              const order = among(call.order, tokens.length);
              takeStates(states, order);
              course.tokens = order.map((from) => [...tokens[from]!]);
            } else if (call.call === 'reset') {
              resetStates(states);
              for (const row of tokens) row.length = 0;
            } else if (call.call === 'reload') {
              const file = await saveStates(states);
              disposeStates(states);
              course.states = start(tokens.length);
              loadStates(course.states, file);
            } else if (call.call === 'fork') {
              if (courses.length < 3)
                courses.push({ states: cloneStates(states), tokens: tokens.map((row) => [...row]) });
            } else courses.unshift(courses.pop()!);
            const now = courses.at(-1)!;
            const wanted = now.tokens.map((row) => row.length);
            for (const state of now.states) expect(state.lengths).toEqual(wanted);
          }
          for (const { states, tokens } of courses) {
            for (const state of states)
              (await shown(state)).forEach((seen, b) => {
                const row = tokens[b]!;
                const oldest = state.spec.kind === 'window' ? Math.max(0, row.length - window.cap + 1) : 0;
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
