import { type FileTensor, part, permuted, reshaped, rowsOf, type WeightSource } from '../weight-sources.ts';
import type { ConfigFields } from './config-fields.ts';

/** Of the experts of a layer: how many, the width of the stream and the inner one. */
export interface ExpertSizes {
  readonly X: number;
  readonly E: number;
  readonly F: number;
}

/**
 * Gates or ups of all experts `[X · F, E]`, from whichever of three layouts a file has.
 *
 * ```text
 * gate_up_proj [X, E, 2 · F]                  on its side, columns of gate and up by turns
 * gate_up_proj_blocks [X, 2 · F, E]           in MXFP4, rows of gate and up by turns
 * gate_proj, up_proj [X, F, E]                each alone (GGUF)
 * ```
 *
 * @param at what stands before these names
 * @param which `gate` or `up`
 */
export function gateOrUp(
  file: FileTensor,
  at: string,
  which: string,
  { X, E, F }: ExpertSizes,
): WeightSource {
  const first = which === 'gate' ? 0 : 1;
  const fused = file(`${at}.gate_up_proj`);
  if (fused.shape) {
    const pairs = reshaped(fused, [X, E, F, 2]);
    return reshaped(part(permuted(pairs, [3, 0, 2, 1]), 0, first, 1), [X * F, E]);
  }
  const blocks = file(`${at}.gate_up_proj_blocks`);
  if (blocks.shape) {
    const runs = Array.from({ length: X * F }, (_, n) => [first + 2 * n, 1] as const);
    return rowsOf(reshaped(blocks, [X * 2 * F, E]), runs);
  }
  const alone = file(`${at}.${which}_proj.weight`);
  return alone.shape ? reshaped(alone, [X * F, E]) : fused;
}

/** Their biases `[X, F]`: of gate and up by turns, or each alone. */
export function gateOrUpBias(
  file: FileTensor,
  at: string,
  which: string,
  { X, F }: ExpertSizes,
): WeightSource {
  const fused = file(`${at}.gate_up_proj_bias`);
  const alone = fused.shape ? fused : file(`${at}.${which}_proj.bias`);
  if (!fused.shape && alone.shape) return alone;
  return reshaped(part(reshaped(fused, [X, F, 2]), 2, which === 'gate' ? 0 : 1, 1), [X, F]);
}

/** What leads back to the stream `[X · E, F]`: on its side in one of the three layouts. */
export function down(file: FileTensor, at: string, { X, E, F }: ExpertSizes): WeightSource {
  const turned = file(`${at}.down_proj`);
  if (turned.shape) return reshaped(permuted(turned, [0, 2, 1]), [X * E, F]);
  const blocks = file(`${at}.down_proj_blocks`);
  const straight = blocks.shape ? blocks : file(`${at}.down_proj.weight`);
  return straight.shape ? reshaped(straight, [X * E, F]) : turned;
}

/** Its bias `[X, E]`. */
export function downBias(file: FileTensor, at: string): WeightSource {
  const named = file(`${at}.down_proj_bias`);
  const other = named.shape ? named : file(`${at}.down_proj.bias`);
  return other.shape ? other : named;
}

/** MXFP4 is the one quantization that files of this model have; which tensors are so stands in the file. */
export function onlyMxfp4(fields: ConfigFields): void {
  const said = fields.get('quantization_config');
  if (said === undefined || said === null) return;
  const { quant_method: method } = Object(said) as { quant_method?: unknown };
  if (method !== 'mxfp4')
    fields.problems.push(
      `quantization_config.quant_method ${JSON.stringify(method)} is not supported, only "mxfp4"`,
    );
}
