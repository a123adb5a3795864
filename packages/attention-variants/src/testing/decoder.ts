import {
  add,
  createPositions,
  type Device,
  type LayerState,
  linear,
  type Rotation,
  rmsNorm,
  rotary,
  scope,
  swiglu,
  type Tensor,
  tensor,
} from '@headwise/tensor';
import { seededValues } from '@headwise/tensor/testing';
import type { ConfiguredVariant } from '../configure.ts';
import { plainStates } from '../conformance/plain-states.ts';
import type { LayerShape } from '../contract.ts';

/** A decoder as small as can be, to run variants in layers on top of each other; `@headwise/models` has real ones. */
export interface MiniDecoder {
  /** Hidden rows `[L, E]` of these tokens, which follow those already in the states. */
  readonly step: (tokens: readonly number[]) => Promise<Float32Array>;
  readonly states: readonly LayerState[];
  readonly dispose: () => void;
}

/** Everything a decoder is made of; the same on every device. */
export function createMiniDecoder(
  device: Device,
  attention: ConfiguredVariant,
  shape: LayerShape,
  { source }: { readonly source?: Tensor } = {},
): MiniDecoder {
  const { E, D, layers } = shape;
  const made: Tensor[] = [];
  const random = (size: readonly number[], seed: number, scale: number): Tensor => {
    const count = size.reduce((n, axis) => n * axis, 1);
    const weight = tensor(
      device,
      seededValues(count, seed).map((value) => value * scale),
      size,
    );
    made.push(weight);
    return weight;
  };
  const blocks = Array.from({ length: layers }, (_, layer) => {
    const seed = 100 * (layer + 1);
    const weights = Object.entries(attention.parameters(shape, layer)).map(([name, size], i) => [
      name,
      random(size, seed + i, size.length > 1 ? 1.5 / Math.sqrt(size.at(-1)!) : 0.5),
    ]);
    return {
      attention: Object.fromEntries(weights),
      gate: random([2 * E, E], seed + 50, 1 / Math.sqrt(E)),
      up: random([2 * E, E], seed + 51, 1 / Math.sqrt(E)),
      down: random([E, 2 * E], seed + 52, 1 / Math.sqrt(2 * E)),
    };
  });
  const states = plainStates(
    device,
    1,
    Array.from({ length: layers }, (_, layer) => attention.kv(shape, layer)),
  );
  const position = halfTurn(device, D, made);
  let length = 0;

  const step = async (tokens: readonly number[]): Promise<Float32Array> => {
    const L = tokens.length;
    const hidden = scope(() => {
      const rows = tokens.flatMap((token) => [...seededValues(E, 7000 + token)]);
      let x: Tensor = tensor(device, rows, [1, L, E]);
      const positions = createPositions(device, { start: length, L });
      blocks.forEach((block, layer) => {
        const { y } = attention.layer({
          x: rmsNorm(x),
          weights: block.attention,
          state: states[layer]!,
          positions,
          position,
          shape,
          layer,
          source,
        });
        x = add(x, y);
        const normed = rmsNorm(x);
        x = add(x, linear(swiglu(linear(normed, block.gate), linear(normed, block.up)), block.down));
      });
      return x;
    });
    length += L;
    const values = (await hidden.data()) as Float32Array;
    hidden.dispose();
    return values;
  };
  const dispose = (): void => {
    for (const held of [...states, ...made]) held.dispose();
  };
  return { step, states, dispose };
}

/** A rotation of each head's first pairs, whatever the width of the head; its tables go to `made`. */
export function halfTurn(device: Device, D: number, made: Tensor[]): Rotation {
  const N = 256;
  const half = Math.floor(D / 4);
  const table = (of: (angle: number) => number): Tensor => {
    const rows = Array.from({ length: N * half }, (_, i) => of(Math.floor(i / half) / 10 ** (i % half)));
    const values = tensor(device, rows, [N, half]);
    made.push(values);
    return values;
  };
  const tables = { cos: table(Math.cos), sin: table(Math.sin) };
  return {
    kind: 'rotation',
    name: 'test',
    rotate: (q, k, positions) => ({
      q: rotary(q, tables, positions.tensor),
      k: rotary(k, tables, positions.tensor),
    }),
  };
}
