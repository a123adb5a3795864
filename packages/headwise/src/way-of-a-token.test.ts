import { configure, groupedQuery } from '@headwise/attention-variants';
import {
  block,
  createDecoder,
  createRmsNorm,
  createSwiglu,
  decoderParameters,
  randomWeights,
  stepOf,
} from '@headwise/models';
import { rotary } from '@headwise/positional';
import { chain, createSampler, generate, greedy } from '@headwise/sampling';
import { createReference, type OpCall } from '@headwise/tensor';
import { expect, it } from 'vitest';

/** The way of a token as ARCHITECTURE.md has it; `scope.ts`, which calls what it is given and frees, is left out. */
const way = [
  'sampling/generate/generate',
  'models/session',
  'models/stack',
  'models/arrangements/pre-norm',
  'models/parts/attention',
  'attention-variants/softmax-variant',
  'attention-variants/wiring',
  'tensor/ops/attention',
  'tensor/op',
];

it('goes through nine files from generate to the attention of a device', async () => {
  const device = createReference();
  const norm = createRmsNorm();
  const attention = configure(groupedQuery, { Hkv: 2 });
  const blocks = block({ attention, position: rotary(), norm, mlp: createSwiglu({ F: 8 }) });
  const parts = { shape: { V: 9, E: 8, H: 4, D: 2, layers: 1 }, blocks, norm };
  const decoder = createDecoder({
    ...parts,
    device,
    weights: randomWeights(device, decoderParameters(parts)),
  });
  const ways: string[][] = [];
  const run = device.run.bind(device);
  device.run = (call: OpCall) => {
    if (call.op.name === 'attention') ways.push(filesOnTheStack());
    return run(call);
  };
  const sampler = createSampler(chain(greedy()), { seed: 1 });
  await generate(stepOf(decoder.start({ capacity: 8 })), { prompt: [1], sampler, maxTokens: 2 }).finish();
  expect(ways).toHaveLength(2);
  for (const files of ways) {
    // of the loop, what gives tokens their text is above
    const down = files.slice(files.indexOf(way[0]!)).filter((file) => file !== 'tensor/scope');
    expect([...new Set(down)]).toEqual(way);
    // an arrangement calls the parts it was given, which stack.ts has bound: the one file that is entered twice
    const moves = down.filter((file, i) => file !== down[i - 1]);
    expect(moves.filter((file, i) => moves.indexOf(file) < i)).toEqual(['models/stack']);
  }
});

/** The outermost call first. */
function filesOnTheStack(): string[] {
  const before = Error.stackTraceLimit;
  Error.stackTraceLimit = Number.POSITIVE_INFINITY;
  const { stack = '' } = new Error();
  Error.stackTraceLimit = before;
  const lines = stack.split('\n').reverse();
  const files = lines.map((line) => /packages[/\\]([\w-]+)[/\\]src[/\\](.*?)\.ts/.exec(line));
  return files
    .flatMap((found) => (found ? [`${found[1]}/${found[2]!.replaceAll('\\', '/')}`] : []))
    .filter((file) => !file.startsWith('headwise/'));
}
