import {
  configure,
  crossLayer,
  differential,
  groupedQuery,
  multiHeadLatent,
} from '@headwise/attention-variants';
import { none } from '@headwise/positional';
import { createDevice, type Device, keep, Tensor, tensor, watch } from '@headwise/tensor';
import { assertClose, toleranceOf } from '@headwise/tensor/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { block } from './block.ts';
import { Golden } from './conformance/golden.ts';
import { createModel } from './family.ts';
import { readSafetensors } from './formats/safetensors.ts';
import { families } from './registry.ts';
import type { Session } from './session.ts';
import { bytesOf, jsonOf, sharedFolder } from './testing/shared.ts';
import { tinyBlock, tinyDecoder } from './testing/tiny.ts';

const [V, E, H, Hkv, D] = [20, 16, 4, 2, 4];
const ids = [3, 1, 4, 1, 5];
const L = ids.length;

describe.each(['reference', 'wasm'])('taps on %s', (name) => {
  let device: Device;
  beforeAll(async () => {
    device = await createDevice(name);
  });
  afterAll(() => device.dispose());

  it('reads everything there is, in the order of the step, with its shape', () => {
    const decoder = tinyDecoder(device);
    using session = decoder.start({ capacity: 8 });
    const seen: string[] = [];
    for (const each of decoder.taps)
      session.tap(each, (value, called) => void seen.push(`${called} ${value.shape}`));
    session.step(ids).dispose();
    const layer = (n: number): string[] => [
      `layers.${n}.attention.k 1,5,2,4`,
      `layers.${n}.attention.v 1,5,2,4`,
      `layers.${n}.attention.q 1,5,4,4`,
      `layers.${n}.attention.weights 1,4,5,8`,
      `layers.${n}.attention 1,5,16`,
      `layers.${n}.mlp 1,5,16`,
      `layers.${n} 1,5,16`,
    ];
    const turned = seen.map((entry) => entry);
    expect([...turned].sort()).toEqual(
      ['embeddings 1,5,16', ...layer(0), ...layer(1), 'norm 1,16', 'logits 1,20'].sort(),
    );
    expect(turned.at(0)).toBe('embeddings 1,5,16');
    expect(turned.indexOf('layers.0 1,5,16')).toBe(7);
    expect(turned.slice(-2)).toEqual(['norm 1,16', 'logits 1,20']);
  });

  it('what it reads are the numbers that are computed with', async () => {
    // no projection afterwards: the attention weights times the values are what the heads give
    using session = tinyDecoder(device, { blocks: { position: none() } }).start({ capacity: L });
    const read = async (...names: string[]): Promise<Record<string, Float32Array>> => {
      const kept: Record<string, Tensor> = {};
      const ends = names.map((each) => session.tap(each, (value) => void (kept[each] = keep(value))));
      session.step(ids).dispose();
      for (const end of ends) end();
      session.crop(0);
      const entries = Object.entries(kept).map(async ([each, value]) => {
        const data = (await value.data()) as Float32Array;
        value.dispose();
        return [each, data] as const;
      });
      return Object.fromEntries(await Promise.all(entries));
    };
    const at = 'layers.1.attention';
    const got = await read(`${at}.q`, `${at}.k`, `${at}.weights`, 'layers.0', at, 'layers.1.mlp', 'layers.1');
    const [q, k] = [got[`${at}.q`]!, got[`${at}.k`]!];
    const want = new Float64Array(H * L * L);
    for (let h = 0; h < H; h++) {
      for (let i = 0; i < L; i++) {
        const scores = Array.from({ length: i + 1 }, (_, j) => {
          let sum = 0;
          for (let d = 0; d < D; d++)
            sum += q[(i * H + h) * D + d]! * k[(j * Hkv + Math.floor((h * Hkv) / H)) * D + d]!;
          return Math.exp(sum / Math.sqrt(D));
        });
        const total = scores.reduce((sum, score) => sum + score, 0);
        scores.forEach((score, j) => void (want[(h * L + i) * L + j] = score / total));
      }
    }
    assertClose(got[`${at}.weights`]!, want, toleranceOf(device, 1e-5));
    // what the parts add is what the stream gains
    const gained = got['layers.0']!.map((x, i) => x + got[at]![i]! + got['layers.1.mlp']![i]!);
    assertClose(got['layers.1']!, gained, toleranceOf(device, 1e-5));
  });

  it.each([
    ['grouped-query', { attention: configure(groupedQuery, { Hkv }) }],
    ['cross-layer', { attention: configure(crossLayer, { factor: 2 }) }],
    ['differential', { attention: configure(differential) }],
  ])('goes on with what stands in its place: %s', async (_, blocks) => {
    const decoder = tinyDecoder(device, { blocks });
    const logits = async (session: Session): Promise<Float32Array> => {
      session.crop(0);
      session.step([2, 7]).dispose();
      using got = session.step(ids);
      return (await got.data()) as Float32Array;
    };
    using plain = decoder.start();
    const want = await logits(plain);
    for (const each of decoder.taps) {
      using session = decoder.start();
      // the same numbers in a tensor of their own
      const values = new Map<string, Float32Array>();
      const copies: Tensor[] = [];
      const end = session.tap(each, (value) => void copies.push(keep(value)));
      session.step([2, 7]).dispose();
      session.step(ids).dispose();
      end();
      for (const [n, copy] of copies.entries()) {
        values.set(String(n), Float32Array.from(await copy.data()));
        copy.dispose();
      }
      let call = 0;
      session.tap(each, (value) => tensor(device, values.get(String(call++))!, value.shape));
      assertClose(await logits(session), want, toleranceOf(device, 2e-5));
      // and others: the logits differ
      const other = session.tap(each, (value) => {
        const numbers = Float32Array.from({ length: value.size }, (_, i) => Math.sin(i + 1));
        return tensor(device, numbers, value.shape);
      });
      call = 0;
      const changed = await logits(session);
      expect(changed.some((value, i) => Math.abs(value - want[i]!) > 1e-3)).toBe(true);
      other();
      call = 0;
      assertClose(await logits(session), want, toleranceOf(device, 2e-5));
    }
  });

  it('takes weights out: attention that sees nothing adds nothing', async () => {
    using session = tinyDecoder(device).start({ capacity: L });
    let added: Tensor | undefined;
    session.tap('layers.0.attention.weights', ({ shape, size }) =>
      tensor(device, new Float32Array(size), shape),
    );
    session.tap('layers.0.attention', (value) => void (added = keep(value)));
    session.step(ids).dispose();
    expect(Array.from(await added!.data())).toEqual(new Array(L * E).fill(0));
    added!.dispose();
  });

  it('replaced keys are what the cache keeps', async () => {
    const decoder = tinyDecoder(device);
    using session = decoder.start({ capacity: L });
    const key = Float32Array.from({ length: L * Hkv * D }, (_, i) => i);
    session.tap('layers.1.attention.k', ({ shape }) => tensor(device, key, shape));
    session.step(ids).dispose();
    expect(Array.from(await session.states[1]!.view().rows.k!.data()).slice(0, key.length)).toEqual([...key]);
  });

  it('costs nothing when nobody taps: the same calls, and none of another tap', () => {
    const decoder = tinyDecoder(device);
    using session = decoder.start();
    const calls = (): string[] => {
      const all: string[] = [];
      watch(
        ({ op, params }) => {
          const { extras } = params as { extras?: readonly string[] };
          // a handle over the same memory is no work
          if (op.name !== 'reshape') all.push(`${op.name} ${extras ?? ''}`);
        },
        () => session.step([1]).dispose(),
      );
      return all;
    };
    session.step(ids).dispose();
    calls();
    const before = calls();
    const end = session.tap('layers.0', () => {});
    expect(calls()).toEqual(before);
    const weights = session.tap('layers.0.attention.weights', () => {});
    expect(calls()).not.toEqual(before);
    end();
    weights();
    expect(calls()).toEqual(before);
  });

  it('refuses what it does not know, and replacements that do not fit; the session is as it was', async () => {
    const decoder = tinyDecoder(device);
    using session = decoder.start();
    expect(() => session.tap('layers.2', () => {})).toThrow(
      'session.tap: name must be one of embeddings, layers.*.attention.q, layers.*.attention.k, ' +
        'layers.*.attention.v, layers.*.attention.weights, layers.*.attention, layers.*.mlp, layers.*, norm, ' +
        'logits (layers 0 to 1), got "layers.2"',
    );
    // another kind of layer has other names
    const blocks = (layer: number) =>
      block(
        layer === 0
          ? tinyBlock
          : { ...tinyBlock, attention: configure(multiHeadLatent, { latent: 8, rope: 4 }) },
      );
    using mixed = tinyDecoder(device, { blocks }).start();
    mixed.tap('layers.0.attention.q', () => {});
    expect(() => mixed.tap('layers.1.attention.q', () => {})).toThrow('session.tap: name must be one of');

    session.step(ids).dispose();
    const { liveBytes } = device.memory;
    const elsewhere = tensor(await createDevice('reference'), new Float32Array(E), [1, 1, E]);
    const wrong: readonly (readonly [unknown, RegExp])[] = [
      [tensor(device, new Float32Array(3), [3]), /a replacement of layers.0 must be \[1, 1, 16\]/],
      [tensor(device, new Int32Array(E), [1, 1, E]), /layers.0 must be replaced by f32/],
      [[1, 2], /layers.0 must be replaced by a tensor, or by nothing/],
      [elsewhere, /layers.0 must be replaced by a tensor on/],
    ];
    for (const [value, message] of wrong) {
      const end = session.tap('layers.0', () => value as Tensor);
      expect(() => session.step([1])).toThrow(message);
      end();
      if (Tensor.isInstance(value)) value.dispose();
      expect(session.lengths).toEqual([L]);
    }
    const end = session.tap('layers.1', () => {
      throw new Error('seen enough');
    });
    expect(() => session.step([1])).toThrow('seen enough');
    end();
    end(); // once more does nothing
    expect(session.lengths).toEqual([L]);
    session.step([1]).dispose();
    expect(device.memory.liveBytes).toBeLessThan(liveBytes + 256);
  });

  it('leaves to the caller what is the caller’s', async () => {
    const decoder = tinyDecoder(device);
    using session = decoder.start();
    const mine = tensor(device, new Float32Array(V).fill(2), [1, V]);
    session.tap('logits', () => mine);
    session.step(ids).dispose();
    expect(Array.from(await mine.data())).toEqual(new Array(V).fill(2));
    mine.dispose();
  });

  const folder = sharedFolder('conformance/models/tiny/cohere2-a');
  it.skipIf(!folder)('reads of a trained form what transformers computes', async () => {
    const golden = new Golden(
      jsonOf(folder!, 'golden.json'),
      readSafetensors(bytesOf(folder!, 'golden.safetensors')),
    );
    const { tensors } = readSafetensors(bytesOf(folder!, 'model.safetensors'));
    const { model } = createModel(device, families.cohere2!, bytesOf(folder!, 'config.json'), tensors);
    const [text] = golden.rows();
    using session = (model as ReturnType<typeof tinyDecoder>).start({ capacity: text!.length });
    const names = {
      embeddings: 'hidden.0',
      'layers.0': 'hidden.1',
      'layers.0.attention.weights': 'attn.0',
      norm: 'hidden.3',
      logits: 'logits',
    };
    const kept: Record<string, Tensor> = {};
    for (const [ours, theirs] of Object.entries(names))
      session.tap(ours, (value) => void (kept[theirs] = keep(value)));
    session.forward(text!).dispose();
    for (const [theirs, value] of Object.entries(kept)) {
      const { got, want, tolerance } = golden.close(theirs, await value.data());
      expect(() => assertClose(got, want, tolerance), theirs).not.toThrow();
    }
    expect(Object.keys(kept)).toHaveLength(5);
    model.dispose();
  });
});
