import { FormatError } from './errors.ts';
import { type Family, modelParameters, readConfig } from './family.ts';
import type { HostTensor } from './formats/safetensors.ts';
import type { Shapes, Weights } from './part.ts';
import type { WeightSource } from './weight-sources.ts';

/** Larger than every tensor, so that whatever is cut out of it is another object. */
const HUGE = [2 ** 20, 2 ** 20];

/**
 * The weights of a model under the names and in the form that its family's files have, to be written with
 * `writeSafetensors` beside the `config.json`: what this library and others load. Where a file keeps several weights in
 * one tensor, or turned, they are put together again.
 *
 * @param json the config of the files
 * @param weights by our names, as the model was made of them
 * @throws {FormatError} as `readConfig`; if the weights are not those of the config, or a weight cannot be told from the
 * tensors of the file (a gain that was folded into a matrix), naming it.
 */
export async function fileTensors(
  family: Family,
  json: unknown,
  weights: Weights,
): Promise<Record<string, HostTensor>> {
  const { config, model } = readConfig(family, json);
  const wanted = modelParameters(model);
  const tensors: Record<string, HostTensor & { data: Float32Array }> = {};
  const put = (name: string, shape: readonly number[]): Float32Array => {
    const size = shape.reduce((product, axis) => product * axis, 1);
    tensors[name] ??= { dtype: 'F32', shape, data: new Float32Array(size) };
    return tensors[name].data;
  };
  const shapeOf = matching(family.stored?.(config) ?? {});
  const straight = new Map<WeightSource, string>();
  const sources = family.weights(config)((name) => {
    const shape = shapeOf(name);
    const source: WeightSource = {
      files: [name],
      shape: shape ?? HUGE,
      numbers: () => put(name, shape ?? HUGE),
      store: (values) => put(name, shape ?? HUGE).set(values),
    };
    if (!shape) straight.set(source, name);
    return source;
  }, wanted);
  const problems = Object.entries(wanted).flatMap(([name, shape]) => {
    const source = Object.hasOwn(sources, name) ? sources[name] : undefined;
    const fits = source?.store && String(source.shape) === String(shape);
    if (!source || !(straight.has(source) || fits))
      return [`"${name}" cannot be told from the tensors in the files of a ${family.title}`];
    const got = Object.hasOwn(weights, name) ? weights[name]!.shape : undefined;
    if (!got) return [`"${name}" is missing`];
    return String(got) === String(shape)
      ? []
      : [`"${name}" must be [${shape.join(', ')}], it is [${got.join(', ')}]`];
  });
  if (problems.length > 0)
    throw new FormatError('weights', `a ${family.title} cannot be saved`, problems.slice(0, 20));
  for (const [name, shape] of Object.entries(wanted)) {
    const source = sources[name]!;
    const data = await weights[name]!.data();
    const file = straight.get(source);
    const before = file === undefined ? undefined : tensors[file];
    if (file === undefined) source.store!(data);
    else if (!before) put(file, shape).set(data);
    else if (!before.data.every((value, i) => value === data[i]) || before.data.length !== data.length)
      throw new FormatError('weights', `a ${family.title} cannot be saved`, [
        `"${name}" is "${file}" of the file, and another weight that is the same there differs from it`,
      ]);
  }
  return tensors;
}

/** The shape of a name by patterns with `*` for its numbers; undefined for a name that none fits. */
function matching(patterns: Shapes): (name: string) => readonly number[] | undefined {
  const rules = Object.entries(patterns).map(([pattern, shape]) => {
    const escaped = pattern.replace(/[.+?^$()[\]\\|{}]/g, '\\$&').replaceAll('*', '\\d+');
    return { fits: new RegExp(`^${escaped}$`), shape };
  });
  return (name) => rules.find(({ fits }) => fits.test(name))?.shape;
}
