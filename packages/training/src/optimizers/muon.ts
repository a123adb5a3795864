import { add, binary, linear, permute, scope, type Tensor, tensor, ValueError } from '@headwise/tensor';
import type { Params } from '../params.ts';
import type { Optimizer, Rule } from './contract.ts';
import { type AdamOptions, decayWeights, globalNorm, optimizer, scaleByAdam } from './rules.ts';

/** Coefficients of the polynomial a·σ + b·σ³ + c·σ⁵, chosen by Jordan so that small singular values grow fast. */
const [A, B, C] = [3.4445, -4.775, 2.0315] as const;
const STEPS = 5;

/** What Muon can be told. */
export interface MuonOptions extends AdamOptions {
  /** Of the average of gradients. Default 0.95. */
  readonly momentum?: number | undefined;
  /** Decoupled decay of matrices. Default 0.1. */
  readonly decay?: number | undefined;
  /** Which tensors are moved by Muon. Default matrices but for tables of embeddings and outputs; the others by Adam. */
  readonly on?: ((name: string, tensor: Tensor) => boolean) | undefined;
}

/**
 * Muon: a matrix moves along its averaged gradient with all singular values made equal, about 1, times
 * `0.2 · √max(rows, columns)`, so that the learning rate is one that suits Adam, which moves everything else.
 *
 * ```text
 * m = β m + (1 − β) g,   u = (1 − β) g + β m,   X₀ = u / ‖u‖
 * X ← a X + (b S + c S²) X,  S = X Xᵀ           five times: σ ← a σ + b σ³ + c σ⁵ for every singular value
 * ```
 *
 * Jordan et al. 2024, "Muon: An optimizer for hidden layers in neural networks"; the scale of Liu et al. 2025, "Muon is
 * Scalable for LLM Training", eq. 4.
 *
 * @throws {ValueError} for numbers out of range.
 */
export function muon({
  momentum = 0.95,
  decay = 0.1,
  on = isHidden,
  ...options
}: MuonOptions = {}): Optimizer {
  if (!(momentum >= 0 && momentum < 1))
    throw new ValueError('muon', 'momentum', 'must be from 0 to below 1', momentum);
  const others = scaleByAdam(options);
  const rule: Rule = {
    name: 'muon',
    // of a matrix v stays zeros: a rule keeps the same of every tensor
    keeps: ['m', 'v'],
    alone: true,
    apply({ updates, kept, ...call }) {
      const out: Record<string, Tensor> = {};
      // what stays as it is is not handed back
      const [m, v]: [Record<string, Tensor>, Record<string, Tensor>] = [{}, {}];
      for (const [name, gradient] of Object.entries(updates)) {
        if (gradient.shape.length === 2 && on(name, call.params[name]!)) {
          m[name] = mixed(kept.m![name]!, gradient, momentum);
          out[name] = equalised(mixed(gradient, m[name]!, 1 - momentum));
          continue;
        }
        const own = (of: Params): Params => ({ [name]: of[name]! });
        const result = others.apply({
          ...call,
          updates: own(updates),
          kept: { m: own(kept.m!), v: own(kept.v!) },
        });
        out[name] = result.updates[name]!;
        m[name] = result.kept!.m![name]!;
        v[name] = result.kept!.v![name]!;
      }
      return { updates: out, kept: { m, v } };
    },
  };
  return optimizer('muon', rule, ...(decay === 0 ? [] : [decayWeights(decay)]));
}

/**
 * `[M, N]` with its singular vectors and singular values of about 1 (0.68 to 1.2 where they were above 0.002 of the
 * norm), times `0.2 · √max(M, N)`.
 */
function equalised(matrix: Tensor): Tensor {
  const [M, N] = matrix.shape as [number, number];
  const { device } = matrix;
  const number = (value: number): Tensor => tensor(device, [value], []);
  return scope(() => {
    // the smaller side makes the smaller squares
    const wide = M > N ? permute(matrix, [1, 0]) : matrix;
    const norm = binary(globalNorm({ matrix }), number(1e-7), 'maximum');
    let x = binary(wide, norm, 'divide');
    for (let step = 0; step < STEPS; step++)
      x = scope(() => {
        const squares = linear(x, x);
        const bent = add(binary(squares, number(B), 'multiply'), linear(squares, squares), { scale: C });
        return add(linear(bent, x, { transposed: true }), x, { scale: A });
      });
    const scaled = binary(x, number(0.2 * Math.sqrt(Math.max(M, N))), 'multiply');
    return M > N ? permute(scaled, [1, 0]) : scaled;
  });
}

/** `share · a + (1 − share) · b` */
function mixed(a: Tensor, b: Tensor, share: number): Tensor {
  return add(binary(a, tensor(a.device, [share], []), 'multiply'), b, { scale: 1 - share });
}

function isHidden(name: string): boolean {
  return !/(^|\.)(embed|table|head)(\.|$)/.test(name);
}
