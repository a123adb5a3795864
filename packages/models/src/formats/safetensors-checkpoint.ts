import type { ByteSource, Checkpoint, FileSet, TensorInfo } from '../checkpoint.ts';
import { atMost, FormatError } from '../errors.ts';
import { fileTensor } from './host-tensor.ts';
import { readJson, shown } from './json.ts';
import { readSafetensorsHeader } from './safetensors.ts';

/** The file that says in which of several files each tensor is. */
export const INDEX = 'model.safetensors.index.json';
const FORMAT = 'safetensors index';

/** Where a tensor stands. */
interface Place extends TensorInfo {
  readonly source: ByteSource;
  readonly start: number;
}

/** The tensors of a checkpoint, of one file or several. */
export type SafetensorsTensors = Pick<Checkpoint, 'tensors' | 'read' | 'close'>;

/**
 * The tensors of one safetensors file.
 * @throws {FormatError} as `readSafetensors`.
 */
export async function oneSafetensors(source: ByteSource, signal?: AbortSignal): Promise<SafetensorsTensors> {
  return tensorsOf(new Map(await placesIn(source, signal)), [source]);
}

/**
 * The tensors of several files, by their index: each stands in the file that the index says, once, and no other does.
 *
 * @param index the content of `model.safetensors.index.json`
 * @throws {FormatError} listing the files that are missing, and the tensors that are missing, elsewhere, twice or unknown.
 */
export async function shardedSafetensors(
  files: FileSet,
  index: Uint8Array,
  signal?: AbortSignal,
): Promise<SafetensorsTensors> {
  const shardOf = readIndex(index);
  const names = [...new Set(shardOf.values())].sort();
  const sources: ByteSource[] = [];
  try {
    const problems: string[] = [];
    const places = new Map<string, Place>();
    for (const name of names) {
      const source = await files.open(name, signal);
      if (!source) {
        problems.push(`"${name}" is missing`);
        continue;
      }
      sources.push(source);
      for (const [tensor, place] of await placesIn(source, signal)) {
        const said = shardOf.get(tensor);
        if (places.has(tensor)) problems.push(`"${tensor}" stands in two files, one is "${name}"`);
        else if (said === undefined) problems.push(`"${tensor}" of "${name}" is not in the index`);
        else if (said !== name) problems.push(`"${tensor}" is in "${name}", the index says "${said}"`);
        places.set(tensor, place);
      }
    }
    const missing = new Set(names.filter((name) => problems.includes(`"${name}" is missing`)));
    for (const [tensor, shard] of shardOf)
      if (!places.has(tensor) && !missing.has(shard)) problems.push(`"${tensor}" is not in "${shard}"`);
    if (problems.length > 0)
      throw new FormatError(FORMAT, 'the files are not those of the index', atMost(problems));
    return tensorsOf(places, sources);
  } catch (error) {
    for (const source of sources) source.close?.();
    throw error;
  }
}

/** The file of each tensor. */
function readIndex(content: Uint8Array): ReadonlyMap<string, string> {
  const json = readJson(content, FORMAT);
  const map = isRecord(json) && Object.hasOwn(json, 'weight_map') ? json.weight_map : undefined;
  if (!isRecord(map)) throw new FormatError(FORMAT, `weight_map must be an object, it is ${shown(map)}`);
  return new Map(
    Object.entries(map).map(([tensor, file]) => {
      // a file of this folder: an index must not lead anywhere else
      if (typeof file === 'string' && /^[^/\\]+\.safetensors$/.test(file)) return [tensor, file];
      throw new FormatError(
        FORMAT,
        `"${tensor}" must be in a file *.safetensors beside the index, it says ${shown(file)}`,
      );
    }),
  );
}

async function placesIn(source: ByteSource, signal?: AbortSignal): Promise<[string, Place][]> {
  const { entries, start } = await readSafetensorsHeader(source, signal);
  return entries.map(({ name, dtype, shape, begin, end }) => [
    name,
    { dtype, shape, bytes: end - begin, source, start: start + begin },
  ]);
}

function tensorsOf(places: ReadonlyMap<string, Place>, sources: readonly ByteSource[]): SafetensorsTensors {
  return {
    tensors: places,
    async read(name, options) {
      const place = places.get(name);
      if (!place) throw new FormatError('safetensors', `there is no tensor "${name}"`);
      const { source, start, bytes, dtype, shape } = place;
      return fileTensor(name, dtype, shape, await source.read(start, start + bytes, options?.signal));
    },
    close() {
      for (const source of sources) source.close?.();
    },
  };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
