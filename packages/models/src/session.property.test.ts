import {
  configure,
  linear,
  multiHead,
  multiHeadLatent,
  sinkTokens,
  slidingWindow,
} from '@headwise/attention-variants';
import { createReference, ValueError } from '@headwise/tensor';
import { assertClose } from '@headwise/tensor/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Session } from './session.ts';
import { tinyDecoder } from './testing/tiny.ts';

/**
 * Random sequences of calls against plain lists of ids, to which a crop is slicing, a take picking and a fork a copy: what
 * a step says of a sequence is what its whole text says in one pass. The seed is fixed; HEADWISE_LONG=1 tries a hundred
 * times as many, of a seed of their own.
 */
const long = process.env.HEADWISE_LONG === '1';
const runs = long ? { numRuns: 600 } : { numRuns: 6, seed: 20_261 };
const patience = long ? { timeout: 3_600_000 } : {};
const CAPACITY = 22;
const V = 20;
const B = 3;

const kinds = {
  'multi-head': configure(multiHead),
  'a window': configure(slidingWindow, { window: 3 }),
  'a window of one': configure(slidingWindow, { window: 1 }),
  'a window with sinks': configure(sinkTokens, { sinks: 1, window: 3 }),
  latent: configure(multiHeadLatent, { latent: 8, rope: 4 }),
  linear: configure(linear),
};

const id = fc.integer({ min: 0, max: V - 1 });
const rows = fc.array(fc.array(id, { maxLength: 4 }), { minLength: B, maxLength: B });
const chunk = fc.constantFrom(undefined, 1, 2, 3);
const each = fc.array(fc.nat({ max: 4 }), { minLength: B, maxLength: B });
const call = fc.oneof(
  { weight: 5, arbitrary: fc.record({ call: fc.constant('step' as const), rows, chunk }) },
  {
    weight: 2,
    arbitrary: fc.record({ call: fc.constant('fail' as const), rows, chunk, at: fc.nat({ max: 3 }) }),
  },
  { weight: 1, arbitrary: fc.record({ call: fc.constant('back' as const) }) },
  { weight: 1, arbitrary: fc.record({ call: fc.constant('crop' as const), backs: each }) },
  {
    weight: 2,
    arbitrary: fc.record({
      call: fc.constant('take' as const),
      order: fc.array(fc.nat({ max: B - 1 }), { minLength: 1, maxLength: B }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ call: fc.constant('prompt' as const), rows }) },
  {
    weight: 3,
    arbitrary: fc.record({ call: fc.constantFrom('fork' as const, 'other' as const, 'reload' as const) }),
  },
);
type Call = typeof call extends fc.Arbitrary<infer Value> ? Value : never;

/** A session, the texts it must hold, and those it held before its last step, if nothing else came since. */
interface Course {
  session: Session;
  texts: number[][];
  before: number[][] | undefined;
}

const copied = (texts: readonly (readonly number[])[]): number[][] => texts.map((text) => [...text]);

describe('any calls on a session of', () => {
  it.each(Object.keys(kinds) as (keyof typeof kinds)[])(
    '%s give what one pass gives',
    patience,
    async (kind) => {
      await fc.assert(
        fc.asyncProperty(fc.array(call, { minLength: 4, maxLength: 12 }), async (calls) => {
          const device = createReference();
          const decoder = tinyDecoder(device, { blocks: { attention: kinds[kind] } });
          const start = (present: number) =>
            decoder.start({ B: present, capacity: CAPACITY, limit: CAPACITY });
          const alone = async (text: readonly number[]): Promise<Float32Array> => {
            using session = decoder.start({ capacity: CAPACITY });
            using logits = session.step(text);
            return (await logits.data()) as Float32Array;
          };
          const mustSay = async (logits: Float32Array, course: Course, counts: readonly number[]) => {
            for (const [b, text] of course.texts.entries())
              if (counts[b]! > 0)
                assertClose(logits.subarray(b * V, (b + 1) * V), await alone(text), {
                  atol: 2e-5,
                  rtol: 2e-5,
                });
          };
          const courses: Course[] = [{ session: start(B), texts: [[], [], []], before: undefined }];
          const make = async (course: Course, one: Call): Promise<void> => {
            const { session, texts } = course;
            if (one.call === 'step' || one.call === 'fail') {
              const fresh = one.rows.slice(0, texts.length);
              const fits = texts.every((text, b) => text.length + fresh[b]!.length <= CAPACITY);
              if (!fits || fresh.every((row) => row.length === 0)) {
                expect(() => session.step(fresh)).toThrow('session: ids');
                return;
              }
              let layers = 0;
              const failing = () => {
                if (layers++ === (one as { at: number }).at) throw new Error('seen enough');
              };
              try {
                using logits = session.step(fresh, {
                  chunk: one.chunk,
                  ...(one.call === 'fail' && { look: failing }),
                });
                course.before = copied(texts);
                for (const [b, text] of texts.entries()) text.push(...fresh[b]!);
                if (one.call === 'step')
                  await mustSay(
                    (await logits.data()) as Float32Array,
                    course,
                    fresh.map(({ length }) => length),
                  );
              } catch (error) {
                expect((error as Error).message).toBe('seen enough');
                course.before = undefined;
              }
            } else if (one.call === 'back') {
              // whatever it keeps, a session goes back by a step that was taken in one piece
              const { before } = course;
              if (!before) return;
              const lengths = before.map(({ length }) => length);
              const pieces = texts.some((text, b) => text.length - lengths[b]! > 1);
              try {
                session.crop(lengths);
                course.texts = before;
              } catch (error) {
                if (!ValueError.isInstance(error)) throw error;
                expect(pieces).toBe(true);
              }
              course.before = undefined;
            } else if (one.call === 'crop') {
              const to = texts.map(({ length }, b) => Math.max(0, length - one.backs[b]!));
              try {
                session.crop(to);
                course.texts = texts.map((text, b) => text.slice(0, to[b]));
                course.before = undefined;
              } catch (error) {
                if (!ValueError.isInstance(error)) throw error;
                expect(kind).not.toMatch('multi-head|latent');
              }
            } else if (one.call === 'take') {
              const order = one.order.map((from) => from % texts.length);
              session.take(order);
              course.texts = order.map((from) => [...texts[from]!]);
              course.before = undefined;
            } else if (one.call === 'prompt') {
              const whole = texts.map((text, b) => [...text.slice(0, 3), ...one.rows[b]!, 7]);
              using logits = session.prompt(whole);
              course.texts = copied(whole);
              course.before = undefined;
              await mustSay(
                (await logits.data()) as Float32Array,
                course,
                whole.map(({ length }) => length),
              );
            } else if (one.call === 'reload') {
              const file = await session.save();
              session.dispose();
              course.session = start(texts.length);
              course.session.load(file);
              course.before = undefined;
            } else if (one.call === 'fork') {
              if (courses.length < 3)
                courses.push({ session: session.fork(), texts: copied(texts), before: undefined });
            } else courses.unshift(courses.pop()!);
          };
          for (const one of calls) {
            await make(courses.at(-1)!, one);
            const { session, texts } = courses.at(-1)!;
            expect(session.lengths).toEqual(texts.map(({ length }) => length));
          }
          // each is what it was made to be, whatever was done to the others
          for (const course of courses) {
            await make(course, { call: 'step', rows: [[3], [1], [4]], chunk: undefined });
            course.session.dispose();
          }
        }),
        runs,
      );
    },
  );
});
