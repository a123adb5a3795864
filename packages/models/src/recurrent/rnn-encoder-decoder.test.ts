import { readFileSync } from 'node:fs';
import { beamSearch } from '@headwise/sampling';
import { createDevice, type Device, type Tensor, tensor } from '@headwise/tensor';
import { assertClose } from '@headwise/tensor/testing';
import { describe, expect, it } from 'vitest';
import { alignedContext, fixedContext } from './reader.ts';
import { createRnnEncoderDecoder, type RnnEncoderDecoder } from './rnn-encoder-decoder.ts';

interface GoldenCase {
  readonly name: string;
  readonly sizes: {
    readonly Vs: number;
    readonly V: number;
    readonly E: number;
    readonly N: number;
    readonly M: number;
  };
  readonly A: number | null;
  readonly weights: Readonly<Record<string, { readonly shape: number[]; readonly data: number[] }>>;
  readonly texts: readonly {
    readonly source: number[];
    readonly text: number[];
    readonly logits: number[][];
    readonly alignments: number[][];
  }[];
}

const { cases } = JSON.parse(
  readFileSync(new URL('../../golden/rnn-encoder-decoder.json', import.meta.url), 'utf8'),
) as { cases: GoldenCase[] };

function modelOf(device: Device, { sizes, A, weights }: GoldenCase): RnnEncoderDecoder {
  return createRnnEncoderDecoder({
    ...sizes,
    reader: A === null ? fixedContext : alignedContext({ A }),
    device,
    weights: Object.fromEntries(
      Object.entries(weights).map(([name, { data, shape }]) => [
        name,
        tensor(device, Float32Array.from(data), shape),
      ]),
    ),
  });
}

const close = { atol: 2e-5, rtol: 1e-4 };

describe.each(cases)('$name, as PyTorch computes it in float64', (golden) => {
  it.each(['reference', 'wasm', 'gpujs:webasm'])('on %s', async (name) => {
    const device = await createDevice(name);
    using model = modelOf(device, golden);
    const { texts } = golden;
    const sources = texts.map(({ source }) => source);
    using session = model.start(sources);
    for (const i of texts[0]!.text.keys()) {
      const looks: Promise<Float32Array>[] = [];
      using logits = session.step(
        texts.map(({ text }) => [text[i]!]),
        (alignment) => looks.push(alignment.data()),
      );
      assertClose(
        await logits.data(),
        texts.flatMap((each) => each.logits[i]!),
        close,
      );
      const [alignment] = await Promise.all(looks);
      const Ls = sources[0]!.length;
      const want = texts.flatMap(({ alignments }) =>
        Array.from({ length: Ls }, (_, j) => alignments[i]?.[j] ?? 0),
      );
      if (golden.A !== null) assertClose(alignment!, want, close);
      else expect(alignment).toBeUndefined();
    }
  });

  it('reads several tokens at once, rows of different lengths', async () => {
    const device = await createDevice('reference');
    using model = modelOf(device, golden);
    const [a, b] = golden.texts as [GoldenCase['texts'][0], GoldenCase['texts'][0]];
    using session = model.start([a.source, b.source]);
    using first = session.step([a.text.slice(0, 3), b.text.slice(0, 1)]);
    assertClose(await first.data(), [...a.logits[2]!, ...b.logits[0]!], close);
    using second = session.step([a.text.slice(3), b.text.slice(1)]);
    assertClose(await second.data(), [...a.logits[3]!, ...b.logits[3]!], close);
  });

  it('goes on with other sequences', async () => {
    const device = await createDevice('reference');
    using model = modelOf(device, golden);
    const [a, b] = golden.texts as [GoldenCase['texts'][0], GoldenCase['texts'][0]];
    using session = model.start([a.source, b.source]);
    session.step([a.text.slice(0, 2), b.text.slice(0, 2)]).dispose();
    session.take([1, 1, 0]);
    using logits = session.step([[b.text[2]!], [b.text[2]!], [a.text[2]!]]);
    assertClose(await logits.data(), [...b.logits[2]!, ...b.logits[2]!, ...a.logits[2]!], close);
  });

  it('finds with as many beams as there are texts the likeliest one', async () => {
    const device = await createDevice('reference');
    using model = modelOf(device, golden);
    const { source } = golden.texts[0]!;
    const { V } = golden.sizes;
    using session = model.start(source);
    const split = async (logits: Tensor, rows: number): Promise<Float32Array[]> => {
      const all = await logits.data();
      logits.dispose();
      return Array.from({ length: rows }, (_, b) => all.slice(b * V, (b + 1) * V));
    };
    const [best] = await beamSearch(
      async (sequences, { parents }) => {
        if (parents.length > 0) session.take(parents);
        return split(session.step(sequences.map((ids) => ids.slice(-1))), sequences.length);
      },
      { prompt: [0], maxTokens: 2, beams: V * V },
    );
    const logOf = (row: Float32Array, id: number): number =>
      row[id]! - Math.log(row.reduce((sum, value) => sum + Math.exp(value), 0));
    using again = model.start(source);
    const [first] = await split(again.step([0]), 1);
    let most = -Infinity;
    let ids: number[] = [];
    for (let i = 0; i < V; i++) {
      using fresh = model.start(source);
      const [second] = await split(fresh.step([0, i]), 1);
      for (let j = 0; j < V; j++) {
        const sum = logOf(first!, i) + logOf(second!, j);
        if (sum > most) [most, ids] = [sum, [i, j]];
      }
    }
    expect(best!.ids).toEqual(ids);
  });
});

it.each(cases)('a session of $name leaves nothing behind', async (golden) => {
  const device = await createDevice('reference');
  using model = modelOf(device, golden);
  const { buffers, liveBytes } = device.memory;
  const session = model.start(golden.texts.map(({ source }) => source));
  session.step([[1, 2], [3]]).dispose();
  session.take([1, 0, 1]);
  session.step([[1], [2], [3]]).dispose();
  session.dispose();
  expect(device.memory).toMatchObject({ buffers, liveBytes });
});

describe('refuses', () => {
  it('what is no text', async () => {
    const device = await createDevice('reference');
    using model = modelOf(device, cases[1]!);
    expect(() => model.start([[1], []])).toThrow('must be rows of at least one token');
    expect(() => model.start([99])).toThrow('99');
    using session = model.start([1, 2]);
    expect(() => session.step([[0], [1]])).toThrow('must be 1 rows');
    expect(() => session.step([7])).toThrow('7');
    expect(() => session.take([1])).toThrow('must name sequences from 0 to 0');
  });

  it('weights of another reader', async () => {
    const device = await createDevice('reference');
    expect(() => modelOf(device, { ...cases[0]!, A: 3 })).toThrow('missing encoder.backward.input');
  });
});
