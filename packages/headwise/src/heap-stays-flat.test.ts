import { configure, groupedQuery, linear, slidingWindow } from '@headwise/attention-variants';
import { createWasm } from '@headwise/device-wasm';
import {
  block,
  createDecoder,
  createRmsNorm,
  createSwiglu,
  decoderParameters,
  randomWeights,
  type Session,
} from '@headwise/models';
import { rotary } from '@headwise/positional';
import { expect, it } from 'vitest';

const V = 11;
// ten thousand where there is time: npm run test:long
const STEPS = process.env.HEADWISE_LONG === '1' ? 10_000 : 2000;
const REFUSED = STEPS / 10;
const norm = createRmsNorm();
const position = rotary();
const attentions = [
  configure(groupedQuery, { Hkv: 1 }),
  configure(slidingWindow, { window: 24 }),
  configure(linear),
];

/** One layer of each kind of cache: all keys, a window, a state of constant size. */
const parts = {
  shape: { V, E: 8, H: 2, D: 4, layers: 3 },
  blocks: (layer: number) =>
    block({ attention: attentions[layer]!, position, norm, mlp: createSwiglu({ F: 16 }) }),
  norm,
  context: STEPS + 200,
};

/** Calls that a session refuses, each at another place: ids, rows, room, the signal before the first layer. */
const refusals: readonly ((session: Session) => unknown)[] = [
  (session) => session.step([V]),
  (session) => session.step([1, -1]),
  (session) => session.step([[1], [2]]),
  (session) => session.step([]),
  (session) => session.step(Array.from({ length: parts.context + 1 }, () => 1)),
  (session) => session.step([1, 2, 3], { signal: AbortSignal.abort() }),
  (session) => session.crop(session.length + 1),
  (session) => session.take([1]),
];

it(`holds after ${STEPS} steps of decoding and ${REFUSED} refused ones, in turns, what it held before`, async () => {
  const device = await createWasm({ threads: 1 });
  const weights = randomWeights(device, decoderParameters(parts));
  const decoder = createDecoder({ ...parts, device, weights });
  const session = decoder.start();
  const held = () => {
    const { liveBytes, buffers, extraBytes } = device.memory;
    const { memory, used } = device.engine.heap;
    return { liveBytes, buffers, extraBytes, used, wasm: memory.buffer.byteLength };
  };
  const refuse = (n: number): void => {
    expect(() => refusals[n % refusals.length]!(session)).toThrow();
  };
  const decode = async (id: number): Promise<number> => {
    using logits = session.step([id]);
    const row = await logits.data();
    return row.indexOf(Math.max(...row));
  };

  // weights are laid out, and working memory is made, by the first calls
  using _ = session.step([1, 2, 3]);
  let id = await decode(4);
  for (let n = 0; n < refusals.length; n++) refuse(n);
  const before = held();
  const start = session.length;
  let refused = 0;
  for (let n = 0; n < STEPS; n++) {
    id = await decode((id + n) % V);
    if (n % (STEPS / REFUSED) === 0) refuse(refused++);
    if (n % 1000 === 0) expect(held(), `after ${n} steps`).toEqual(before);
  }
  expect([session.length - start, refused]).toEqual([STEPS, REFUSED]);
  expect(held()).toEqual(before);

  session.dispose();
  decoder.dispose();
  for (const weight of Object.values(weights)) weight.dispose();
  _.dispose();
  position.dispose();
  expect(device.memory).toMatchObject({ liveBytes: 0, buffers: 0 });
  device.dispose();
}, 600_000);
