import type { TensorInfo } from '../checkpoint.ts';
import { FormatError } from '../errors.ts';
import type { StoredTensor } from './host-tensor.ts';
import type { SafetensorsTensors } from './safetensors-checkpoint.ts';

/** Numbers of a block, bytes of their halves, and of a block with its exponent. */
const [SIZE, HALF, BYTES] = [32, 16, 17];

/**
 * Numbers in MXFP4 as Hugging Face's files have them, in two tensors, as one each: under the name of the blocks, in the
 * blocks of GGUF, so that nothing else has to know. What does not go together stays as it is, or is among the problems.
 *
 * ```text
 * x_blocks [..., G, 16]   two numbers a byte, the lower four bits first       →  x_blocks [..., 32 · G] MXFP4:
 * x_scales [..., G]       a byte, x = 2^(e − 127) · number                        e, then numbers k and k + 16 by bytes
 * ```
 *
 * @see Open Compute Project 2023, "OCP Microscaling Formats (MX) Specification", section 5.2
 */
export function withPairs(checkpoint: SafetensorsTensors): SafetensorsTensors {
  const tensors = new Map<string, TensorInfo>(checkpoint.tensors);
  const scalesOf = new Map<string, string>();
  const problems: string[] = [];
  for (const [name, blocks] of checkpoint.tensors) {
    const scales = name.replace(/_blocks$/, '_scales');
    const exponents = checkpoint.tensors.get(scales);
    if (scales === name || !exponents || blocks.dtype !== 'U8' || exponents.dtype !== 'U8') continue;
    const groups = blocks.shape.slice(0, -1);
    if (blocks.shape.at(-1) !== HALF || String(groups) !== String(exponents.shape)) {
      problems.push(
        `"${name}" [${blocks.shape.join(', ')}] must have ${HALF} bytes for each number of "${scales}" [${exponents.shape.join(', ')}]`,
      );
      continue;
    }
    const shape = [...groups.slice(0, -1), SIZE * (groups.at(-1) ?? 1)];
    tensors.delete(scales);
    tensors.set(name, { dtype: 'MXFP4', shape, bytes: blocks.bytes + exponents.bytes });
    scalesOf.set(name, scales);
  }
  if (scalesOf.size === 0 && problems.length === 0) return checkpoint;
  return {
    ...checkpoint,
    tensors,
    problems: [...(checkpoint.problems ?? []), ...problems],
    async read(name, options) {
      const scales = scalesOf.get(name);
      if (scales === undefined) return checkpoint.read(name, options);
      const [blocks, exponents] = [
        await checkpoint.read(name, options),
        await checkpoint.read(scales, options),
      ];
      if (blocks.dtype !== 'U8' || exponents.dtype !== 'U8')
        throw new FormatError('safetensors', `"${name}" and "${scales}" must be U8`);
      const { shape } = tensors.get(name)!;
      return { dtype: 'MXFP4', shape, bytes: joined(blocks.data, exponents.data) } satisfies StoredTensor;
    },
    reader: (name) => (scalesOf.has(name) ? undefined : checkpoint.reader?.(name)),
  };
}

/** Blocks with their exponents before them, of which each byte has two numbers that are 16 apart. */
function joined(blocks: Uint8Array, exponents: Uint8Array): Uint8Array {
  const out = new Uint8Array(exponents.length * BYTES);
  for (const [n, exponent] of exponents.entries()) {
    const [from, to] = [n * HALF, n * BYTES];
    // there the table is of the numbers, here of twice these
    out[to] = exponent;
    for (let k = 0; k < HALF; k++) {
      const [low, high] = [blocks[from + (k >> 1)]!, blocks[from + HALF / 2 + (k >> 1)]!];
      const shift = (k & 1) * 4;
      out[to + 1 + k] = ((low >> shift) & 15) | (((high >> shift) & 15) << 4);
    }
  }
  return out;
}
