import { type HostTensor, writeSafetensors } from '../../formats/safetensors.ts';
import { json } from '../checkpoint.ts';
import { bytes, type Case, casesOf, tensors } from './case.ts';

const shards = ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors'] as const;
const INDEX = 'model.safetensors.index.json';
const names = [...tensors.keys()];
const some = names[3]!;
const shardOf = (name: string): string => shards[names.indexOf(name) % 2]!;
const otherShard = (name: string): string => shards[(names.indexOf(name) + 1) % 2]!;

interface Folder {
  index: { metadata?: unknown; weight_map?: unknown };
  map: Record<string, unknown>;
  tensors: Record<string, Map<string, HostTensor>>;
  files: Record<string, Uint8Array | undefined>;
}

function sharded(change: (folder: Folder) => void): Record<string, Uint8Array> {
  const map: Record<string, unknown> = Object.fromEntries(names.map((name) => [name, shardOf(name)]));
  const total_size = [...tensors.values()].reduce((sum, { data }) => sum + data.byteLength, 0);
  const folder: Folder = {
    index: { metadata: { total_size }, weight_map: map },
    map,
    tensors: Object.fromEntries(shards.map((shard) => [shard, new Map()])),
    files: {},
  };
  for (const [name, tensor] of tensors) folder.tensors[shardOf(name)]!.set(name, tensor);
  change(folder);
  const files: Record<string, Uint8Array | undefined> = {
    'config.json': bytes(json),
    [INDEX]: bytes(folder.index),
    ...Object.fromEntries(Object.entries(folder.tensors).map(([name, of]) => [name, writeSafetensors(of)])),
    ...folder.files,
  };
  return Object.fromEntries(Object.entries(files).filter(([, content]) => content)) as Record<
    string,
    Uint8Array
  >;
}

type Change = (folder: Folder) => void;
const index =
  (value: unknown): Change =>
  (folder) => {
    folder.files[INDEX] = bytes(value);
  };
const says =
  (file: unknown): Change =>
  ({ map }) => {
    map[some] = file;
  };
const total =
  (total_size: unknown): Change =>
  ({ index: of }) => {
    of.metadata = { total_size };
  };
const elsewhere = new RegExp(`"${some.replaceAll('.', '\\.')}" must be in a file`);

const changes = {
  'whole and right': [() => {}],
  'without metadata': [({ index: of }: Folder) => delete of.metadata],
  'with further metadata': [
    ({ index: of }: Folder) => Object.assign(of.metadata as object, { total_parameters: 7, note: 'x' }),
  ],
  'an index that is no JSON': [index('{"weight_map":'), /index\.json.*not JSON/],
  'an index of no bytes': [index(''), /index\.json.*not JSON/],
  'an index that is a list': [index([]), /weight_map must be an object/],
  'an index that is null': [index('null'), /weight_map must be an object/],
  'an index with a tensor twice': [
    index(`{"weight_map":{"a":"${shards[0]}","a":"${shards[1]}"}}`),
    /"a" stands twice/,
  ],
  'an index with two maps': [index(`{"weight_map":{},"weight_map":{}}`), /"weight_map" stands twice/],
  'an index without a map': [index({ metadata: {} }), /weight_map must be an object/],
  'a map that is null': [index({ weight_map: null }), /weight_map must be an object/],
  'a map that is a list': [index({ weight_map: [shards[0]] }), /weight_map must be an object/],
  'a map of nothing': [index({ weight_map: {} }), /weight_map/],
  'a file that is missing': [
    ({ tensors: of }: Folder) => delete of[shards[1]],
    /"model-00002-of-00002\.safetensors" is missing/,
  ],
  'both files missing': [
    ({ tensors: of }: Folder) => {
      delete of[shards[0]];
      delete of[shards[1]];
    },
    /"model-00001-of-00002\.safetensors" is missing/,
  ],
  'a tensor in the other file': [
    says(otherShard(some)),
    /is in "model-0000\d-of-00002\.safetensors", the index says/,
  ],
  'a tensor in a file that is not there': [
    says('model-00003-of-00002.safetensors'),
    /"model-00003-of-00002\.safetensors" is missing/,
  ],
  'a tensor that no file has': [
    ({ tensors: of }: Folder) => of[shardOf(some)]!.delete(some),
    /is not in "model-0000\d/,
  ],
  'a tensor that the index does not have': [({ map }: Folder) => delete map[some], /is not in the index/],
  'a tensor in both files': [
    ({ tensors: of }: Folder) => of[otherShard(some)]!.set(some, tensors.get(some)!),
    /stands in two files|is in "model-0000/,
  ],
  'a tensor more in the index': [
    ({ map }: Folder) => {
      map.surplus = shards[0];
    },
    /"surplus" is not in "model-00001/,
  ],
  'a tensor of the model in neither': [
    ({ map, tensors: of }: Folder) => {
      delete map[some];
      of[shardOf(some)]!.delete(some);
    },
    new RegExp(`"${some.replaceAll('.', '\\.')}" is missing`),
  ],
  ...Object.fromEntries(
    [
      '../model.safetensors',
      '/etc/model.safetensors',
      'sub/model.safetensors',
      './model-00001-of-00002.safetensors',
      '..\\model.safetensors',
      'C:\\model.safetensors',
      'file:///model.safetensors',
      'model-00001-of-00002.bin',
      INDEX,
      'config.json',
      '.safetensors',
      'a\0.safetensors',
      '',
      null,
      7,
      [shards[0]],
      { file: shards[0] },
    ].map((file) => [
      `a tensor in ${JSON.stringify(file)}`,
      [says(file), file === '.safetensors' ? /\.safetensors/ : elsewhere] as const,
    ]),
  ),
  ...Object.fromEntries(
    [0, 1, -1, 1e300, '4096', null, 1.5, {}].map((size) => [
      `a total size of ${JSON.stringify(size)}`,
      [total(size), /total_size/] as const,
    ]),
  ),
  'metadata that are a list': [
    ({ index: of }: Folder) => {
      of.metadata = [];
    },
    /metadata/,
  ],
  'a file of no bytes': [
    ({ files }: Folder) => {
      files[shards[1]] = new Uint8Array(0);
    },
    /model-00002-of-00002\.safetensors.*truncated: 0 bytes/,
  ],
  'a file that is cut': [
    ({ files, tensors: of }: Folder) => {
      files[shards[1]] = writeSafetensors(of[shards[1]]!).slice(0, -100);
    },
    /model-00002-of-00002\.safetensors[\s\S]*truncated|truncated[\s\S]*model-00002-of-00002\.safetensors/,
  ],
  'a file with a header of zeros': [
    ({ files }: Folder) => {
      files[shards[0]] = new Uint8Array(64);
    },
    /model-00001-of-00002\.safetensors.*header/,
  ],
} satisfies Record<string, readonly [Change, RegExp?]>;

/** Of the index of several files. */
export function shardCases(): Case[] {
  return casesOf<Change>(
    'several files',
    changes as Record<string, readonly [Change, RegExp?]>,
    (change) => ({
      files: sharded(change),
    }),
  );
}
