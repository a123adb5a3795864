import { type LayerSpec, stateId, ValueError } from '@headwise/tensor';

/**
 * What the states of a model keep: a list, one a layer, or several a layer by their ids, in the order in which the
 * layers run: `{ '0.self': …, '0.cross': …, '1.self': … }`. The i-th of a list is `stateId(i)`.
 */
export type Specs = readonly LayerSpec[] | Readonly<Record<string, LayerSpec>>;

/** One spec and the state it is of. */
export interface NamedSpec {
  readonly id: string;
  /** The layer that keeps it, where the id says so; else its place in the list. */
  readonly layer: number;
  readonly spec: LayerSpec;
}

/**
 * Specs with their ids, in order.
 * @throws {ValueError} for what is neither a list of specs nor specs by id, or a state that shares with none before it.
 */
export function nameSpecs(op: string, argument: string, specs: Specs): readonly NamedSpec[] {
  const given = typeof specs === 'object' && specs !== null ? Object.values(specs) : undefined;
  if (!given?.every((spec) => typeof spec === 'object' && spec !== null)) {
    throw new ValueError(op, argument, 'must be a list, one spec a layer, or specs by id', specs);
  }
  const ids = Array.isArray(specs) ? given.map((_, i) => stateId(i)) : Object.keys(specs);
  const named = given.map((spec, i) => ({ id: ids[i]!, layer: layerOf(ids[i]!) ?? i, spec }));
  named.forEach((one, i) => {
    if (one.spec.kind === 'shared') checkProducer(op, one, named.slice(0, i));
  });
  return named;
}

function layerOf(id: string): number | undefined {
  const layer = /^(\d+)\./.exec(id)?.[1];
  return layer === undefined ? undefined : Number(layer);
}

function checkProducer(op: string, { id, spec }: NamedSpec, before: readonly NamedSpec[]): void {
  const read = before.find((one) => one.id === spec.producer);
  if (read && read.spec.kind !== 'shared') return;
  throw new ValueError(
    op,
    `producer of ${id}`,
    'must be the id of an earlier state that keeps something itself',
    read ? `${read.id}, which shares itself` : spec.producer,
  );
}
