import { type DeviceBuffer, type Intake, type RowFormat, rowFormats, Tensor, tensor } from '@headwise/tensor';
import { seededValues } from '@headwise/tensor/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createWasmWith, type WasmDevice } from './device.ts';

const blockBytes = { f16: 64, bf16: 64, Q8_0: 34, Q4_0: 18, Q4_1: 20 } as const;

describe.each([
  ['memory that is shared', 2],
  ['memory of one thread', 1],
])('an intake in %s', (_, threads) => {
  let device: WasmDevice;
  let before: number;
  beforeEach(async () => {
    device = await createWasmWith({ threads, guard: 256 });
    before = device.engine.heap.used;
  });
  afterEach(() => {
    device.engine.heap.check();
    expect(device.memory.buffers).toBe(0);
    expect(device.engine.heap.used).toBe(before);
    device.dispose();
  });

  /** Fills pieces in order, as many at once as may be. */
  function fill(intake: Intake, bytes: Uint8Array): DeviceBuffer {
    const out: Uint8Array[] = [];
    let at = 0;
    for (;;) {
      const piece = out.length < intake.ahead ? intake.next() : undefined;
      if (piece) {
        piece.set(bytes.subarray(at, at + piece.length));
        at += piece.length;
        out.push(piece);
      } else if (out.length > 0) {
        intake.took();
        out.shift();
      } else return intake.finish();
    }
  }

  it.each([[1], [7], [2 ** 18 - 1], [2 ** 18], [2 ** 19 + 2 ** 18 + 5]])(
    'gives %i numbers as they came',
    async (size) => {
      const values = seededValues(size, 3);
      const buffer = fill(device.intake([size]), new Uint8Array(values.buffer));
      using made = new Tensor(device, buffer, [size]);
      expect(device.memory.liveBytes).toBe(4 * size);
      expect(await made.data()).toEqual(values);
    },
  );

  // one row, a panel that is not full, one piece and part of the next, pieces of eight rows each
  it.each(
    rowFormats.flatMap((format) =>
      [
        [1, 32],
        [13, 96],
        [9000, 64],
        [19, format === 'f16' || format === 'bf16' ? 17_504 : 70_016],
      ].map(([O, I]): [RowFormat, number, number] => [format, O!, I!]),
    ),
  )('gives the weight in %s [%i, %i] that store makes of the bytes', async (format, O, I) => {
    const block = blockBytes[format];
    const bytes = new Uint8Array((O * I * block) / 32);
    for (let n = 0; n < bytes.length; n++) bytes[n] = Math.imul(n, 0x9e3779b1) >>> 24;
    // no scale and no number that is not finite
    const halves = format === 'f16' || format === 'bf16';
    const step = halves ? 2 : block;
    for (let at = 0; at < bytes.length; at += step) {
      bytes[at + 1]! &= 0xbb;
      if (format === 'bf16') bytes[at + 1]! &= 0xbf;
      if (format === 'Q4_1') bytes[at + 3]! &= 0xbb;
    }
    const buffer = fill(device.intake([O, I], format), bytes);
    using got = new Tensor(device, buffer, [O, I]);
    using want = new Tensor(device, device.store([O, I], format, bytes), [O, I]);
    const [a, b] = await Promise.all([got.data(), want.data()]);
    expect(a.every(Number.isFinite)).toBe(true);
    expect(Buffer.compare(Buffer.from(a.buffer), Buffer.from(b.buffer))).toBe(0);
  });

  it('gives what is empty', async () => {
    const buffer = fill(device.intake([0, 64], 'Q4_0'), new Uint8Array(0));
    using made = new Tensor(device, buffer, [0, 64]);
    expect((await made.data()).length).toBe(0);
    device.free(fill(device.intake([3, 0]), new Uint8Array(0)));
  });

  it('lets the heap grow while pieces are out', async () => {
    const values = seededValues(2 ** 18 + 9, 4);
    const bytes = new Uint8Array(values.buffer);
    const intake = device.intake([values.length]);
    const first = intake.next()!;
    const second = intake.next()!;
    using large = tensor(device, new Float32Array(2 ** 22), [2 ** 22]);
    first.set(bytes.subarray(0, first.length));
    second.set(bytes.subarray(first.length));
    for (const _ of [first, second]) intake.took();
    using made = new Tensor(device, intake.finish(), [values.length]);
    expect(await made.data()).toEqual(values);
    expect(large.size).toBe(2 ** 22);
  });

  it.each([0, 15, 2 ** 14 + 3, 2 ** 18 - 1, 2 ** 18, 2 ** 18 + 21])(
    'refuses numbers that are none by their place: number %i',
    (place) => {
      for (const bad of [Number.NaN, Infinity, -Infinity]) {
        const values = new Float32Array(2 ** 18 + 22).fill(3e38);
        values[place] = bad;
        const intake = device.intake([values.length]);
        expect(() => fill(intake, new Uint8Array(values.buffer))).toThrow(
          `intake: number ${place} must be finite, got ${bad}`,
        );
        intake.cancel();
      }
    },
  );

  it('refuses scales that are none by the place of their block, in every piece', () => {
    const [O, I] = [70_000, 32];
    const bytes = new Uint8Array(O * 20);
    bytes[20 * 65_001 + 3] = 0x7c;
    const intake = device.intake([O, I], 'Q4_1');
    expect(() => fill(intake, bytes)).toThrow(
      'intake: bytes must hold finite numbers; the minimum of block 65001 is NaN or infinite, got "0x7c00"',
    );
    intake.cancel();
    intake.cancel();
  });

  it('says what it is used for wrongly, and still gives its memory back', () => {
    const intake = device.intake([2 ** 20]);
    expect(() => intake.took()).toThrow('wasm: intake: no piece is out\n  Call next() for one.');
    for (let n = 0; n < intake.ahead; n++) intake.next();
    expect(() => intake.next()).toThrow('intake: 3 pieces are out already');
    intake.took();
    expect(() => intake.finish()).toThrow('intake: 1048576 of 4194304 bytes have been taken');
    intake.cancel();
    expect(() => intake.next()).toThrow('intake: it has ended');
    expect(() => intake.took()).toThrow('intake: it has ended');
    expect(() => intake.finish()).toThrow('intake: it has ended');
    expect(() => device.intake([4, 33], 'Q8_0')).toThrow(
      'intake: weight must be [O, I] with I a multiple of 32',
    );
    expect(() => device.intake([4], 'f16')).toThrow('intake: weight must be [O, I]');
    expect(() => device.intake([1.5])).toThrow('intake: every axis must be a whole number');
    expect(() => device.intake([4, 32], 'Q5_1' as never)).toThrow('format must be one of f16, bf16');
  });

  it('finished, it does nothing when it is cancelled', async () => {
    const intake = device.intake([2]);
    intake.next()!.fill(0);
    intake.took();
    using made = new Tensor(device, intake.finish(), [2]);
    intake.cancel();
    expect([...(await made.data())]).toEqual([0, 0]);
  });
});

it('a disposed device takes nothing more', async () => {
  const device = await createWasmWith({ threads: 2 });
  const intake = device.intake([8]);
  intake.next();
  device.dispose();
  expect(() => intake.took()).toThrow('wasm: intake on a disposed device');
  intake.cancel();
});

it('there is no more memory than there is', async () => {
  const device = await createWasmWith({ threads: 2, limit: 2 ** 24 });
  const { used } = device.engine.heap;
  expect(() => device.intake([2 ** 23])).toThrow('cannot allocate 32 MiB');
  // there is room for the panels, not for the pieces
  expect(() => device.intake([2 ** 22 - 2 ** 15, 2], 'f16')).toThrow('cannot allocate');
  expect(device.engine.heap.used).toBe(used);
  device.dispose();
});
