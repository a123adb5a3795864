import { type AttentionVariant, type ConfiguredVariant, configure } from '@headwise/attention-variants';
import { variants } from '@headwise/attention-variants/registry';
import { kv } from '@headwise/kv-cache';
import {
  attentionPart,
  type Blocks,
  blockAt,
  buildWeights,
  createDecoder,
  type Decoder,
  type DecoderParts,
  decoderSpecs,
  familyOf,
  type HostTensor,
  modelParameters,
  randomWeights,
  readConfig,
  type StoredTensor,
  unusedBy,
} from '@headwise/models';
import { families } from '@headwise/models/registry';
import type { PositionEncoding } from '@headwise/tensor';
import { createDevice, type Device, type Tensor, tensor } from '@headwise/tensor';
import type { ShippedModel } from '../shipped-model.ts';
import { convertLayer, type Provenance, provenanceOf, type TrainedAttention } from './convert.ts';

/** The trained model on the host, from which every variant is made. */
interface Trained {
  readonly parts: DecoderParts;
  readonly attention: ConfiguredVariant;
  readonly position: PositionEncoding | undefined;
  /** By the names of `decoderParameters`. */
  readonly host: Readonly<Record<string, Float32Array>>;
}

/** A decoder with another attention, and where its weights come from. */
export interface VariantModel {
  readonly decoder: Decoder;
  readonly attention: ConfiguredVariant;
  readonly provenance: Provenance;
  /** Frees what is its own. */
  readonly dispose: () => void;
}

/** Decoders of this many variants are kept. */
const KEPT = 6;
const ATTENTION = /^layers\.(\d+)\.attention\./;

/** The trained model with any attention of the registry in it: made when asked for, and the last few kept. */
export class VariantModels {
  readonly #device: Device;
  readonly #trained: Trained;
  /** What all of them share. */
  readonly #shared: Readonly<Record<string, Tensor>>;
  readonly #made = new Map<string, VariantModel>();

  static async create(device: Device, shipped: ShippedModel): Promise<VariantModels> {
    return new VariantModels(device, await trainedOf(shipped));
  }

  private constructor(device: Device, trained: Trained) {
    this.#device = device;
    this.#trained = trained;
    const parameters = modelParameters({ kind: 'decoder', parts: trained.parts });
    this.#shared = Object.fromEntries(
      Object.entries(parameters)
        .filter(([name]) => !ATTENTION.test(name))
        .map(([name, shape]) => [name, tensor(device, trained.host[name]!, shape)]),
    );
  }

  /** Most positions the model was trained for. */
  get context(): number {
    return this.#trained.parts.context ?? Infinity;
  }

  /** What the model was trained with: `{ variant: 'grouped-query', options: { Hkv: 2 } }`. */
  get own(): { readonly variant: string; readonly options: Readonly<Record<string, unknown>> } {
    const { name, options } = this.#trained.attention;
    return { variant: name, options };
  }

  /** What turns its queries and keys. */
  get position(): PositionEncoding | undefined {
    return this.#trained.position;
  }

  /**
   * @param options what differs from the defaults; key/value heads that nobody has given are those of the model
   * @throws {ValueError | ShapeError | DeviceError} what the library says of the options, the shape or the device.
   */
  get(name: string, options: Readonly<Record<string, unknown>>): VariantModel {
    const key = JSON.stringify([name, options]);
    const found = this.#made.get(key) ?? this.#make(name, options);
    this.#made.delete(key);
    this.#made.set(key, found);
    for (const [old, model] of [...this.#made].slice(0, -KEPT)) {
      model.dispose();
      this.#made.delete(old);
    }
    return found;
  }

  /** What each variant that can read a text keeps of one of so many tokens, options at their defaults. */
  footprints(tokens: number): readonly { readonly name: string; readonly bytes: number }[] {
    return (Object.values(variants) as AttentionVariant[]).flatMap(({ name, needsSource }) => {
      if (needsSource) return [];
      const specs = decoderSpecs({
        ...this.#trained.parts,
        blocks: this.#blocks(this.#configured(name, {})),
      });
      return [{ name, bytes: kv(specs).bytes({ tokens }) }];
    });
  }

  #configured(name: string, options: Readonly<Record<string, unknown>>): ConfiguredVariant {
    const variant = variantOf(name);
    const own = this.#trained.attention.options as { readonly Hkv?: number };
    const heads = 'Hkv' in variant.defaults && variant.defaults.Hkv === undefined && { Hkv: own.Hkv };
    const attention = configure(variant, { ...heads, ...options });
    attention.check(this.#trained.parts.shape);
    return attention;
  }

  /** The blocks of the trained model with another attention. */
  #blocks(attention: ConfiguredVariant): Blocks {
    const { parts, position } = this.#trained;
    const part = attentionPart(attention, { position });
    return (layer) => {
      const block = blockAt(parts.blocks, layer);
      return { ...block, parts: [part, ...block.parts.slice(1)] };
    };
  }

  #make(name: string, options: Readonly<Record<string, unknown>>): VariantModel {
    const attention = this.#configured(name, options);
    const { parts: trained } = this.#trained;
    const { shape } = trained;
    const layers = Array.from({ length: shape.layers }, (_, layer) =>
      convertLayer(this.#attentionOf(layer), attention, layer),
    );
    const mine: Record<string, Tensor> = {};
    for (const [layer, { weights }] of layers.entries()) {
      const sizes = attention.parameters(shape, layer);
      for (const [each, values] of Object.entries(weights)) {
        const full = `layers.${layer}.attention.${each}`;
        Object.assign(
          mine,
          values
            ? { [full]: tensor(this.#device, values, sizes[each]!) }
            : randomWeights(this.#device, { [full]: sizes[each]! }, { seed: 1 + layer }),
        );
      }
    }
    const dispose = (): void => {
      for (const weight of Object.values(mine)) weight.dispose();
    };
    try {
      // a longer text than it was trained for can be read, and is said
      const { context: _, ...rest } = trained;
      const decoder = createDecoder({
        ...rest,
        blocks: this.#blocks(attention),
        device: this.#device,
        weights: { ...this.#shared, ...mine },
      });
      const provenance = provenanceOf(layers, this.#trained.attention, attention);
      return { decoder, attention, provenance, dispose };
    } catch (error) {
      dispose();
      throw error;
    }
  }

  #attentionOf(layer: number): TrainedAttention {
    const { parts, attention, host } = this.#trained;
    const names = Object.keys(attention.parameters(parts.shape, layer));
    const weights = Object.fromEntries(
      names.map((name) => [name, host[`layers.${layer}.attention.${name}`]!]),
    );
    return { shape: parts.shape, attention, weights };
  }
}

/** @throws {Error} for a name that is not in the registry, with those that are. */
function variantOf(name: string): AttentionVariant {
  const all: Readonly<Record<string, AttentionVariant>> = variants;
  if (Object.hasOwn(all, name)) return all[name]!;
  throw new Error(`There is no variant “${name}”. There are ${Object.keys(all).join(', ')}.`);
}

const read = new WeakMap<ShippedModel, Promise<Trained>>();

/** Reads the weights as numbers, once. */
function trainedOf(shipped: ShippedModel): Promise<Trained> {
  const reading = read.get(shipped) ?? readTrained(shipped);
  read.set(shipped, reading);
  return reading;
}

async function readTrained({ checkpoint }: ShippedModel): Promise<Trained> {
  const family = familyOf(checkpoint.config, families);
  const { config, model } = readConfig(family, checkpoint.config);
  if (model.kind !== 'decoder') throw new Error(`${checkpoint.name} is no decoder`);
  const tensors = new Map<string, HostTensor | StoredTensor>();
  for (const name of checkpoint.tensors.keys()) tensors.set(name, await checkpoint.read(name));
  const reference = await createDevice('reference');
  const extras = { copies: family.copies?.(config), unused: unusedBy(family, config) };
  const built = buildWeights(reference, modelParameters(model), tensors, family.weights(config), extras);
  const host: Record<string, Float32Array> = {};
  for (const [name, weight] of Object.entries(built)) {
    host[name] = Float32Array.from((await weight.data()) as Float32Array);
    weight.dispose();
  }
  reference.dispose();
  const { Hkv, positions } = config as {
    readonly Hkv?: number;
    readonly positions?: readonly PositionEncoding[];
  };
  return {
    parts: model.parts,
    attention: configure(variants['grouped-query'], { Hkv }),
    position: positions?.[0],
    host,
  };
}
