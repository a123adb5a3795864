import { type Device, type Tensor, tensor } from '@headwise/tensor';
import { type DecoderParts, decoderParameters } from './decoder.ts';
import { FormatError } from './errors.ts';
import { type HostTensor, numbersOf } from './formats/safetensors.ts';

const FORMAT = 'weights';
const MOST_LISTED = 20;

/** Buffers that older checkpoints carry though they follow from the config. */
const derived = /\.rotary_emb\.inv_freq$/;

/**
 * Puts the tensors of a checkpoint on a device under the decoder's names. Everything that does not fit is found
 * before the first one is uploaded, and reported at once.
 *
 * A tied decoder has no `head`; a checkpoint that stores one all the same must store the embedding table.
 *
 * @param nameOf name in the checkpoint of a weight of the decoder
 * @throws {FormatError} listing every tensor that is missing, unknown, or of a wrong shape or type.
 */
export function matchWeights(
  device: Device,
  parts: DecoderParts,
  tensors: ReadonlyMap<string, HostTensor>,
  nameOf: (name: string) => string,
): Record<string, Tensor> {
  const wanted = decoderParameters(parts);
  const known = new Map(Object.entries(wanted).map(([name, shape]) => [nameOf(name), { name, shape }]));
  const problems: string[] = [];
  for (const [file, { shape }] of known) {
    const found = tensors.get(file);
    if (!found) problems.push(`"${file}" [${shape.join(', ')}] is missing`);
    else if (found.shape.length !== shape.length || shape.some((size, i) => size !== found.shape[i]))
      problems.push(`"${file}" must be [${shape.join(', ')}], it is [${found.shape.join(', ')}]`);
    else if (!['F32', 'F16', 'BF16', 'F64'].includes(found.dtype))
      problems.push(`"${file}" must hold floating-point numbers, it is ${found.dtype}`);
  }
  for (const file of tensors.keys()) {
    if (known.has(file) || derived.test(file)) continue;
    const copy = file === nameOf('head') && sameData(tensors.get(file)!, tensors.get(nameOf('embed')));
    if (!copy) problems.push(`"${file}" is unknown: the model has no such weight`);
  }
  if (problems.length > 0) {
    const more = problems.length - MOST_LISTED;
    const listed = more > 0 ? [...problems.slice(0, MOST_LISTED), `and ${more} more`] : problems;
    throw new FormatError(FORMAT, 'the tensors are not those of the model', listed);
  }
  const uploaded: Record<string, Tensor> = {};
  for (const [file, { name, shape }] of known) {
    const data = numbersOf(tensors.get(file)!);
    uploaded[name] = tensor(device, data instanceof Float32Array ? data : Float32Array.from(data), shape);
  }
  return uploaded;
}

function sameData(a: HostTensor, b: HostTensor | undefined): boolean {
  if (b?.data.length !== a.data.length) return false;
  for (let i = 0; i < a.data.length; i++) if (a.data[i] !== b.data[i]) return false;
  return true;
}
