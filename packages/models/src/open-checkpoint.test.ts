import { createReference } from '@headwise/tensor';
import { describe, expect, it } from 'vitest';
import type { Checkpoint, FileSet } from './checkpoint.ts';
import type { Decoder } from './decoder.ts';
import { FormatError } from './errors.ts';
import { llama } from './families/llama.ts';
import { type HostTensor, writeSafetensors } from './formats/safetensors.ts';
import { loadModel } from './load-model.ts';
import { openCheckpoint } from './open-checkpoint.ts';
import { memorySource } from './sources/byte-sources.ts';
import { json, llamaOf, checkpoint as tensorsOf, toLlama2c } from './testing/checkpoint.ts';
import { llamaGguf, writeGguf } from './testing/gguf.ts';

const ids = [3, 1, 4, 1, 5];
const shards = ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors'] as const;
const tensors = tensorsOf();
const names = [...tensors.keys()];
const total = [...tensors.values()].reduce((sum, { data }) => sum + data.byteLength, 0);
const text = (value: unknown): Uint8Array =>
  typeof value === 'string'
    ? new TextEncoder().encode(value)
    : new TextEncoder().encode(JSON.stringify(value));

type Files = Record<string, Uint8Array | object | string | undefined>;

/** A folder, which counts what is open. */
function folder(files: Files, main?: string): FileSet & { readonly open: FileSet['open']; count: number } {
  const set = {
    name: 'tiny',
    main,
    names: Object.keys(files).filter((name) => files[name] !== undefined),
    count: 0,
    async open(name: string) {
      const content = files[name];
      if (content === undefined) return undefined;
      set.count++;
      let closed = false;
      const source = memorySource(content instanceof Uint8Array ? content : text(content), `tiny/${name}`);
      const close = (): void => {
        if (!closed) set.count--;
        closed = true;
      };
      return { ...source, close };
    },
  };
  return set;
}

function shardOf(name: string): (typeof shards)[number] {
  return shards[names.indexOf(name) % 2]!;
}

/** The tiny model in two files; the index and the files as they are changed. */
function sharded(
  change: (map: Record<string, string>, files: Record<string, Map<string, HostTensor>>) => void = () => {},
): Files {
  const map = Object.fromEntries(names.map((name) => [name, shardOf(name) as string]));
  const files = Object.fromEntries(shards.map((shard) => [shard, new Map<string, HostTensor>()]));
  for (const [name, tensor] of tensors) files[shardOf(name)]!.set(name, tensor);
  change(map, files);
  return {
    'config.json': json,
    'model.safetensors.index.json': { metadata: { total_size: total }, weight_map: map },
    ...Object.fromEntries(Object.entries(files).map(([name, of]) => [name, writeSafetensors(of)])),
  };
}

async function refusal(files: Files, main?: string): Promise<string> {
  const set = folder(files, main);
  try {
    const opened = await openCheckpoint(set);
    opened.close();
  } catch (error) {
    if (!FormatError.isInstance(error)) throw error;
    expect(set.count, 'files that are still open').toBe(0);
    return error.message;
  }
  expect(set.count, 'files that are still open').toBe(0);
  return 'nothing';
}

async function logitsOf(opened: Checkpoint): Promise<Float32Array> {
  const { model } = await loadModel(createReference(), opened, { families: { llama } });
  return (model as Decoder).start().step(ids).data();
}

describe('opens', () => {
  const kinds: readonly [string, Files, string | undefined, string][] = [
    [
      'one safetensors file',
      { 'config.json': json, 'model.safetensors': writeSafetensors(tensors) },
      undefined,
      'safetensors',
    ],
    [
      'one of another name',
      { 'config.json': json, 'x.safetensors': writeSafetensors(tensors) },
      'x.safetensors',
      'safetensors',
    ],
    ['several files by their index', sharded(), undefined, 'safetensors'],
    ['the index itself', sharded(), 'model.safetensors.index.json', 'safetensors'],
    ['a GGUF file in a folder', { 'a.gguf': writeGguf(llamaGguf()), 'README.md': 'x' }, undefined, 'gguf'],
    ['a GGUF file of another ending', { model: writeGguf(llamaGguf()) }, 'model', 'gguf'],
    ['a GGUF file that was split', splitGguf(), undefined, 'gguf'],
    ['a GGUF file that was cut into pieces', piecesOfGguf(), undefined, 'gguf'],
    ['llama2.c', { 'a.bin': toLlama2c(tensors, true) }, 'a.bin', 'llama2c'],
  ];
  it.each(kinds)('%s', async (_, files, main, format) => {
    const set = folder(files, main);
    const opened = await openCheckpoint(set);
    expect(opened.format).toBe(format);
    const want = await llamaOf(createReference()).start().step(ids).data();
    const got = await logitsOf(opened);
    for (const [n, value] of want.entries()) expect(got[n]).toBeCloseTo(value, 5);
    opened.close();
    expect(set.count).toBe(0);
  });

  it('what lies beside the weights', async () => {
    const pieces = Array.from({ length: 20 }, (_, id) => `p${id}`);
    const files = {
      'config.json': json,
      'model.safetensors': writeSafetensors(tensors),
      'generation_config.json': { eos_token_id: 7 },
      'tokenizer_config.json': {
        chat_template: [
          { name: 'tools', template: 'no' },
          { name: 'default', template: 'yes' },
        ],
      },
      'other.vocab.json': { pieces: ['one'], scores: [0] },
      'tok.vocab.json': { pieces, scores: pieces.map(() => 0) },
    };
    const opened = await openCheckpoint(folder(files));
    expect(opened).toMatchObject({ generationConfig: { eos_token_id: 7 }, chatTemplate: 'yes' });
    expect(opened.tokenizer).toMatchObject({ kind: 'llama2c', vocabulary: { scores: pieces.map(() => 0) } });
    const more = { ...files, 'tokenizer.json': { model: {} }, 'chat_template.jinja': '{{ x }}' };
    const other = await openCheckpoint(folder(more));
    expect(other.tokenizer).toMatchObject({ kind: 'huggingface', json: { model: {} } });
    expect(other.chatTemplate).toBe('{{ x }}');
    const gguf = await openCheckpoint(folder({ 'a.gguf': writeGguf(llamaGguf()) }));
    expect(gguf.tokenizer?.kind).toBe('gguf');
  });
});

/** Half of the tensors in each of two files, as `gguf-split` makes them. */
function splitGguf(): Files {
  const { metadata, tensors: all } = llamaGguf();
  return Object.fromEntries(
    [0, 1].map((part) => {
      const own = [
        ['split.no', ['u16', part]],
        ['split.count', ['u16', 2]],
      ] as const;
      const file = writeGguf({
        metadata: part === 0 ? [...metadata, ...own] : own,
        tensors: all.filter((_, n) => n % 2 === part),
      });
      return [`a-0000${part + 1}-of-00002.gguf`, file];
    }),
  );
}

function piecesOfGguf(): Files {
  const file = writeGguf(llamaGguf());
  return Object.fromEntries(
    [0, 1, 2].map((n) => [`a.gguf.part0${n}`, file.slice(n * 5000, n === 2 ? undefined : (n + 1) * 5000)]),
  );
}

describe('refuses several files', () => {
  it.each<[string, Files, RegExp]>([
    [
      'one of which is missing',
      { ...sharded(), [shards[1]]: undefined },
      /- "model-00002-of-00002.safetensors" is missing$/,
    ],
    [
      'with a tensor elsewhere than the index says',
      sharded((map) => {
        map['model.norm.weight'] = shards[(shards.indexOf(shardOf('model.norm.weight')) + 1) % 2]!;
      }),
      /"model.norm.weight" is in "model-0000(\d)-of-00002.safetensors", the index says "model-0000(?!\1)\d/,
    ],
    [
      'with a tensor twice',
      sharded((_, files) => {
        for (const shard of shards) files[shard]!.set('model.norm.weight', tensors.get('model.norm.weight')!);
      }),
      /"model.norm.weight" (stands in two files|is in "model)/,
    ],
    [
      'with a tensor that the index does not have',
      sharded((map) => {
        delete map['model.norm.weight'];
      }),
      /"model.norm.weight" of ".+" is not in the index$/,
    ],
    [
      'without a tensor that the index has',
      sharded((_, files) => files[shardOf('model.norm.weight')]!.delete('model.norm.weight')),
      /"model.norm.weight" is not in "model-/,
    ],
    [
      'of which one lies elsewhere',
      sharded((map) => {
        map['model.norm.weight'] = '../secret.safetensors';
      }),
      /"model.norm.weight" must be in a file \*.safetensors beside the index, it says "..\/secret.safetensors"$/,
    ],
    [
      'whose index is a list',
      { ...sharded(), 'model.safetensors.index.json': { weight_map: [] } },
      /weight_map must be an object, it is \[\]$/,
    ],
    [
      'whose index names a tensor twice',
      {
        ...sharded(),
        'model.safetensors.index.json': '{"weight_map":{"a":"x.safetensors","a":"y.safetensors"}}',
      },
      /"a" stands twice/,
    ],
    [
      'whose index is no JSON',
      { ...sharded(), 'model.safetensors.index.json': '{' },
      /index.json: safetensors index: not JSON/,
    ],
    ['of which one is cut', { ...sharded(), [shards[0]]: new Uint8Array(5) }, /truncated: 5 bytes/],
  ])('%s', async (_, files, says) => {
    expect(await refusal(files)).toMatch(says);
  });
});

describe('refuses', () => {
  it.each<[string, Files, string | undefined, RegExp]>([
    [
      'an empty folder',
      {},
      undefined,
      /^model: tiny has no config.json and no model.safetensors\n {2}- a folder needs /,
    ],
    [
      'weights without a config',
      { 'model.safetensors': writeSafetensors(tensors) },
      undefined,
      /has no config.json\n/,
    ],
    ['a config without weights', { 'config.json': json }, undefined, /has no model.safetensors\n/],
    [
      'files of Python objects',
      { 'config.json': json, 'pytorch_model.bin': 'PK' },
      undefined,
      /pytorch_model.bin: files of Python objects may run code/,
    ],
    [
      'such a file itself',
      { 'x.pt': 'PK\u0003\u0004' },
      'x.pt',
      /is a file of Python objects, which may run code when it is read/,
    ],
    ['a file that is not there', {}, 'a.gguf', /^model: tiny: there is no a.gguf$/],
    ['a file of no format', { a: 'hello, world' }, 'a', /^tiny\/a: llama2.c checkpoint: truncated: 12 bytes/],
    [
      'several models',
      { 'a.gguf': 'x', 'b.gguf': 'x' },
      undefined,
      /tiny has several models; give one of them: a.gguf, b.gguf$/,
    ],
    [
      'a part of a model that was split',
      { 'a-00001-of-00002.gguf': splitGguf()['a-00001-of-00002.gguf'] },
      undefined,
      /there is no a-00002-of-00002.gguf$/,
    ],
    [
      'parts in another order',
      {
        'a-00001-of-00002.gguf': splitGguf()['a-00002-of-00002.gguf'],
        'a-00002-of-00002.gguf': splitGguf()['a-00001-of-00002.gguf'],
      },
      undefined,
      /says that it is part 1, it stands at the place of part 0$/,
    ],
    [
      'a tokenizer that is no JSON',
      { 'config.json': json, 'model.safetensors': writeSafetensors(tensors), 'tokenizer.json': '[' },
      undefined,
      /^tiny\/tokenizer.json: tokenizer: not JSON/,
    ],
  ])('%s', async (_, files, main, says) => {
    expect(await refusal(files, main)).toMatch(says);
  });

  it('to go on when it is told to stop', async () => {
    const signal = AbortSignal.abort(new Error('enough'));
    const set = folder({ 'a.gguf': writeGguf(llamaGguf()) });
    await expect(openCheckpoint(set, { signal })).rejects.toThrow('enough');
    expect(set.count).toBe(0);
  });
});
