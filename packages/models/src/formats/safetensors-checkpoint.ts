import type { ByteSource, Checkpoint, FileSet, TensorInfo } from '../checkpoint.ts';
import { atMost, FormatError, inFile } from '../errors.ts';
import { readerAt } from '../sources/byte-sources.ts';
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
export type SafetensorsTensors = Pick<Checkpoint, 'tensors' | 'problems' | 'read' | 'reader' | 'close'>;

/**
 * The tensors of one safetensors file.
 * @throws {FormatError} as `readSafetensors`.
 */
export async function oneSafetensors(source: ByteSource, signal?: AbortSignal): Promise<SafetensorsTensors> {
  const { places, cut } = await placesIn(source, signal);
  return tensorsOf(new Map(places), cut, [source]);
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
  const { shardOf, total } = readIndex(index);
  const names = [...new Set(shardOf.values())].sort();
  const sources: ByteSource[] = [];
  try {
    const problems: string[] = [];
    const cut: string[] = [];
    const places = new Map<string, Place>();
    for (const name of names) {
      const source = await files.open(name, signal);
      if (!source) {
        problems.push(`"${name}" is missing`);
        continue;
      }
      sources.push(source);
      const found = await inFile(source.name, () => placesIn(source, signal));
      cut.push(...found.cut);
      for (const [tensor, place] of found.places) {
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
    const size = [...places.values()].reduce((sum, { bytes }) => sum + bytes, 0);
    if (total !== undefined && total !== size)
      cut.push(
        `metadata.total_size of the index is ${total}, the tensors have ${size} bytes together: some are missing, or it lies; take it out if all are there`,
      );
    return tensorsOf(places, cut, sources);
  } catch (error) {
    for (const source of sources) source.close?.();
    throw error;
  }
}

/** The file of each tensor, and the bytes of all, where it says them. */
function readIndex(content: Uint8Array): {
  readonly shardOf: ReadonlyMap<string, string>;
  readonly total: number | undefined;
} {
  const json = readJson(content, FORMAT);
  const map = isRecord(json) && Object.hasOwn(json, 'weight_map') ? json.weight_map : undefined;
  if (!isRecord(map)) throw new FormatError(FORMAT, `weight_map must be an object, it is ${shown(map)}`);
  if (Object.keys(map).length === 0) throw new FormatError(FORMAT, 'weight_map names no tensor');
  const shardOf = new Map(
    Object.entries(map).map(([tensor, file]) => {
      // a file of this folder: an index must not lead anywhere else
      if (typeof file === 'string' && /^[^/\\\p{Cc}]+\.safetensors$/u.test(file)) return [tensor, file];
      throw new FormatError(
        FORMAT,
        `"${tensor}" must be in a file *.safetensors beside the index, it says ${shown(file)}`,
      );
    }),
  );
  return { shardOf, total: totalOf((json as Record<string, unknown>).metadata) };
}

function totalOf(metadata: unknown): number | undefined {
  if (metadata === undefined || metadata === null) return undefined;
  if (!isRecord(metadata))
    throw new FormatError(FORMAT, `metadata must be an object, it is ${shown(metadata)}`);
  const total = Object.hasOwn(metadata, 'total_size') ? metadata.total_size : undefined;
  if (total === undefined || (typeof total === 'number' && Number.isInteger(total) && total >= 0))
    return total;
  throw new FormatError(FORMAT, `metadata.total_size must be a whole number ≥ 0, it is ${shown(total)}`);
}

async function placesIn(
  source: ByteSource,
  signal?: AbortSignal,
): Promise<{ readonly places: readonly [string, Place][]; readonly cut: readonly string[] }> {
  const { entries, start, cut } = await readSafetensorsHeader(source, signal);
  const places = entries.map(({ name, dtype, shape, begin, end }): [string, Place] => [
    name,
    { dtype, shape, bytes: end - begin, source, start: start + begin },
  ]);
  const file = source.name.replace(/^.*[/\\]/, '');
  return { places, cut: cut.map((each) => `${file}: ${each}`) };
}

function tensorsOf(
  places: ReadonlyMap<string, Place>,
  problems: readonly string[],
  sources: readonly ByteSource[],
): SafetensorsTensors {
  return {
    tensors: places,
    problems,
    async read(name, options) {
      const place = places.get(name);
      if (!place) throw new FormatError('safetensors', `there is no tensor "${name}"`);
      const { source, start, bytes, dtype, shape } = place;
      return fileTensor(name, dtype, shape, await source.read(start, start + bytes, options?.signal));
    },
    reader(name) {
      const place = places.get(name);
      return place && readerAt(place.source, place.start);
    },
    close() {
      for (const source of sources) source.close?.();
    },
  };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
