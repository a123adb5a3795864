import { FormatError } from './errors.ts';
import { type Family, modelParameters, readConfig } from './family.ts';
import type { HostTensor } from './formats/safetensors.ts';
import type { Weights } from './part.ts';
import type { WeightSource } from './weight-sources.ts';

/** Larger than every tensor, so that whatever is cut out of it is another object. */
const HUGE = [2 ** 20, 2 ** 20];

/**
 * The weights of a model under the names that its family's files have, to be written with `writeSafetensors` beside the
 * `config.json`: what this library and others load. For families whose weights are the tensors of the file themselves.
 *
 * @param json the config of the files
 * @param weights by our names, as the model was made of them
 * @throws {FormatError} as `readConfig`; if the weights are not those of the config, or a weight is put together from
 * several tensors or turned (GPT-2), naming it.
 */
export async function fileTensors(
  family: Family,
  json: unknown,
  weights: Weights,
): Promise<Record<string, HostTensor>> {
  const { config, model } = readConfig(family, json);
  const wanted = modelParameters(model);
  const straight = new Set<WeightSource>();
  const sources = family.weights(config)((name) => {
    const source: WeightSource = { files: [name], shape: HUGE, numbers: () => new Float32Array() };
    straight.add(source);
    return source;
  }, wanted);
  const problems = Object.entries(wanted).flatMap(([name, shape]) => {
    const source = Object.hasOwn(sources, name) ? sources[name] : undefined;
    if (!source || !straight.has(source))
      return [`"${name}" is no single tensor in the files of a ${family.title}`];
    const got = Object.hasOwn(weights, name) ? weights[name]!.shape : undefined;
    if (!got) return [`"${name}" is missing`];
    return String(got) === String(shape)
      ? []
      : [`"${name}" must be [${shape.join(', ')}], it is [${got.join(', ')}]`];
  });
  if (problems.length > 0)
    throw new FormatError('weights', `a ${family.title} cannot be saved`, problems.slice(0, 20));
  const tensors: Record<string, HostTensor> = {};
  for (const [name, shape] of Object.entries(wanted))
    tensors[sources[name]!.files[0]!] = { dtype: 'F32', shape, data: await weights[name]!.data() };
  return tensors;
}
