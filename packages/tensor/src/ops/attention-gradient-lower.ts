import { DeviceError } from '../errors.ts';
import { scope } from '../scope.ts';
import { type Tensor, tensor, zeros } from '../tensor.ts';
import type { AttentionInputs, AttentionParams } from './attention-form.ts';
import { binary, where } from './broadcast.ts';
import { cast } from './cast.ts';
import { add, multiply } from './elementwise.ts';
import { matmul } from './matmul.ts';
import { permute } from './permute.ts';
import { reduce } from './reduce.ts';
import { concat, slice } from './slices.ts';
import { unary } from './unary.ts';

type Inputs = AttentionInputs & {
  readonly y: Tensor;
  readonly lse: Tensor;
  readonly dy: Tensor;
  readonly dlse?: Tensor | undefined;
};

type Params = AttentionParams & { readonly wants: readonly string[] };

/** Most scores of a piece of queries. */
const LARGEST = 2 ** 20;

/** What all pieces share, heads first: `N = B · Hkv` key heads, each with `G` query heads. */
interface Shared {
  readonly B: number;
  readonly Lq: number;
  readonly H: number;
  readonly Lk: number;
  readonly Hkv: number;
  readonly N: number;
  readonly G: number;
  /** `[N, Lk, D]`, `[N, D, Lk]`, `[N, Dv, Lk]`, what is not finite as 0 */
  readonly k: Tensor;
  readonly kT: Tensor;
  readonly vT: Tensor;
  /** `[B, H, Lq]` */
  readonly delta: Tensor;
  readonly number: (value: number) => Tensor;
}

/** What a piece adds; a name is there only where it is wanted. */
type Parts = Partial<Record<'q' | 'k' | 'v' | 'bias' | 'slopes', Tensor>>;

/**
 * The gradients of attention from products, some queries at a time.
 *
 * @throws {DeviceError} for modifiers, which are user code.
 */
export function lowerAttentionGradient(inputs: Inputs, params: Params): readonly Tensor[] {
  const { q, v, bias, sinks, lse } = inputs;
  if (params.modifiers.length > 0)
    throw new DeviceError(
      q.device.name,
      'cannot run the gradient of attention with modifiers, which are user code',
      [],
      'Say it with a bias, slopes, a softcap or a window, or train on the reference.',
    );
  const shared = share(inputs, params);
  const { B, Lq, H, Lk, Hkv, N, number, delta } = shared;
  const few = Math.max(1, Math.floor(LARGEST / Math.max(1, B * H * Lk)));
  let parts: Parts = {};
  for (let start = 0; start < Lq; start += few) {
    const count = Math.min(few, Lq - start);
    parts = scope(() => joined(parts, pieceOf(inputs, params, shared, start, count)));
  }
  const [D, Dv, width] = [q.shape[3]!, params.Dv, v.shape[3]!];
  const rows = (x: Tensor | undefined, W: number): Tensor =>
    permute((x ?? zeros(q.device, [N, Lk, W])).reshape([B, Hkv, Lk, W]), [0, 2, 1, 3]);
  const results: Readonly<Record<string, () => Tensor>> = {
    q: () => (parts.q ?? zeros(q.device, q.shape)).reshape(q.shape),
    k: () => rows(parts.k, D),
    v: () => {
      const values = rows(parts.v, Dv);
      return width === Dv ? values : concat(values, zeros(q.device, [B, Lk, Hkv, width - Dv]));
    },
    bias: () => (parts.bias ?? zeros(q.device, bias!.shape)).reshape(bias!.shape),
    slopes: () => parts.slopes ?? zeros(q.device, [H]),
    sinks: () => {
      const weight = unary(binary(sinks!.reshape([H, 1]), lse, 'subtract'), 'exp');
      return binary(reduce(multiply(weight, delta), 'sum', [0, 2]), number(-1), 'multiply');
    },
  };
  return params.wants.map((name) => results[name]!());
}

function share({ q, k, v, y, dy, dlse }: Inputs, { Dv }: Params): Shared {
  const [B, Lq, H] = q.shape as [number, number, number];
  const [, Lk, Hkv, width] = v.shape as [number, number, number, number];
  const number = (value: number): Tensor => tensor(q.device, [value], []);
  const N = B * Hkv;
  const D = q.shape[3]!;
  // a hidden key may hold anything, and 0 times it is to be 0
  const finite = (x: Tensor): Tensor =>
    where(binary(binary(x, x, 'subtract'), number(0), 'equal'), x, number(0));
  const keys = finite(k);
  const values = finite(width === Dv ? v : slice(v, 0, Dv));
  const dots = permute(reduce(multiply(dy, y), 'sum'), [0, 2, 1]);
  return {
    B,
    Lq,
    H,
    Lk,
    Hkv,
    N,
    G: H / Hkv,
    k: permute(keys, [0, 2, 1, 3]).reshape([N, Lk, D]),
    kT: permute(keys, [0, 2, 3, 1]).reshape([N, D, Lk]),
    vT: permute(values, [0, 2, 3, 1]).reshape([N, Dv, Lk]),
    delta: dlse ? add(dots, dlse, { scale: -1 }) : dots,
    number,
  };
}

/** Sums, but for what belongs to queries: that is put behind one another, `[…, queries so far · …]`. */
function joined(before: Parts, next: Parts): Parts {
  const both = { ...next };
  for (const name of Object.keys(before) as (keyof Parts)[]) {
    const [a, b] = [before[name]!, next[name]!];
    both[name] = name === 'q' || name === 'bias' ? concat(a, b) : add(a, b);
  }
  return both;
}

/** Queries `start … start + C − 1`. */
function pieceOf(inputs: Inputs, params: Params, shared: Shared, start: number, C: number): Parts {
  const { q, dy, slopes, bias, lse } = inputs;
  const { scale, softcap } = params;
  const { B, H, Lk, N, G, k, kT, vT, delta, number } = shared;
  const D = q.shape[3]!;
  const wants = (name: string): boolean => params.wants.includes(name);
  const grouped = (x: Tensor): Tensor =>
    permute(tokens(x, start, C), [0, 2, 1, 3]).reshape([N, G * C, x.shape[3]!]);
  const column = (x: Tensor): Tensor => slice(x, start, C).reshape([B, H, C, 1]);
  const [queries, back] = [grouped(q), grouped(dy)];

  const raw = binary(matmul(queries, kT).reshape([B, H, C, Lk]), number(scale), 'multiply');
  const bent = softcap > 0 ? unary(binary(raw, number(1 / softcap), 'multiply'), 'tanh') : undefined;
  let scores = bent ? binary(bent, number(softcap), 'multiply') : raw;
  const apart = slopes && unary(distances(inputs, params, start, C), 'abs'); // [B | 1, 1, C, Lk]
  if (apart) scores = binary(scores, binary(slopes.reshape([H, 1, 1]), apart, 'multiply'), 'subtract');
  const added = bias && rowsOf(bias, start, C);
  if (added) scores = binary(scores, added, 'add');
  let seen = visible(inputs, params, start, C);
  if (added) seen = binary(seen, binary(number(-3e38), added, 'less'), 'multiply');
  const weights = where(seen, unary(binary(scores, column(lse), 'subtract'), 'exp'), number(0));

  const against = matmul(back, vT).reshape([B, H, C, Lk]);
  const ds = multiply(weights, binary(against, column(delta), 'subtract'));
  const draw = bent ? multiply(ds, binary(number(1), multiply(bent, bent), 'subtract')) : ds;
  const matrix = binary(draw, number(scale), 'multiply').reshape([N, G * C, Lk]);
  const turned = (x: Tensor): Tensor => permute(x, [0, 2, 1]);
  const byQuery = (): Tensor =>
    permute(matmul(matrix, k).reshape([B, H, C, D]), [0, 2, 1, 3]).reshape([B, C * H * D]);
  return {
    ...(wants('q') && { q: byQuery() }),
    ...(wants('k') && { k: matmul(turned(matrix), queries) }),
    ...(wants('v') && { v: matmul(turned(weights.reshape([N, G * C, Lk])), back) }),
    ...(wants('bias') && { bias: planes(ds, bias!) }),
    ...(wants('slopes') && {
      slopes: binary(reduce(binary(ds, apart!, 'multiply'), 'sum', [0, 2, 3]), number(-1), 'multiply'),
    }),
  };
}

/** Tokens `start … start + C − 1` of each sequence of `[B, L, H, D]`. */
function tokens(x: Tensor, start: number, C: number): Tensor {
  const [B, L, H, D] = x.shape as [number, number, number, number];
  if (C === L) return x;
  return slice(x.reshape([B, L * H * D]), start * H * D, C * H * D).reshape([B, C, H, D]);
}

/** The rows of some queries of a bias `[B | 1, H | 1, Lq, Lk]`. */
function rowsOf(bias: Tensor, start: number, C: number): Tensor {
  const [b, h, Lq, Lk] = bias.shape as [number, number, number, number];
  if (C === Lq) return bias;
  return slice(bias.reshape([b, h, Lq * Lk]), start * Lk, C * Lk).reshape([b, h, C, Lk]);
}

/** `ds [B, H, C, Lk]` as the gradient of a bias that was repeated, `[b, h, C · Lk]`. */
function planes(ds: Tensor, bias: Tensor): Tensor {
  const [, , C, Lk] = ds.shape as [number, number, number, number];
  const gone = [0, 1].filter((axis) => bias.shape[axis] === 1 && ds.shape[axis] !== 1);
  const summed = gone.length > 0 ? reduce(ds, 'sum', gone) : ds;
  return summed.reshape([bias.shape[0]!, bias.shape[1]!, C * Lk]);
}

/** Positions of queries `[B | 1, 1, C, 1]` and keys `[B | 1, 1, 1, Lk]`, and the slots in use. */
function positions(
  { q, k, queryPositions, keyPositions, cursor }: Inputs,
  { offset, valid }: Params,
  start: number,
  C: number,
): { readonly query: Tensor; readonly key: Tensor; readonly slots: Tensor; readonly valid: Tensor } {
  const { device } = q;
  const Lk = k.shape[1]!;
  const counted = (L: number, from: number): Tensor =>
    tensor(
      device,
      Float32Array.from({ length: L }, (_, i) => from + i),
      [1, L],
    );
  const step = cursor && cast(cursor, 'f32');
  const number = (value: number): Tensor => tensor(device, [value], [1]);
  const [from, used] = step ? [slice(step, 0, 1), slice(step, 1, 1)] : [number(offset), number(valid)];
  const query = queryPositions
    ? slice(cast(queryPositions, 'f32'), start, C)
    : binary(counted(C, start), from, 'add');
  const key = keyPositions ? cast(keyPositions, 'f32') : counted(Lk, 0);
  return {
    query: query.reshape([query.shape[0]!, 1, C, 1]),
    key: key.reshape([key.shape[0]!, 1, 1, Lk]),
    slots: counted(Lk, 0).reshape([1, 1, 1, Lk]),
    valid: used,
  };
}

function distances(inputs: Inputs, params: Params, start: number, C: number): Tensor {
  const { query, key } = positions(inputs, params, start, C);
  return binary(query, key, 'subtract');
}

/** 1 where a query sees a key, `[B | 1, 1, C, Lk]`: the predicate of the reference. */
function visible(inputs: Inputs, params: Params, start: number, C: number): Tensor {
  const { causal, prefix, segment, anchors, before, after, sinkTokens } = params;
  const { query, key, slots, valid } = positions(inputs, params, start, C);
  const number = (value: number): Tensor => tensor(query.device, [value], []);
  const below = (a: Tensor, b: Tensor): Tensor => binary(a, b, 'less-equal');
  const either = (a: Tensor, b: Tensor): Tensor => binary(a, b, 'maximum');
  const both = (a: Tensor, b: Tensor): Tensor => binary(a, b, 'multiply');
  const early = (bound: number): Tensor => binary(key, number(bound), 'less');

  const there = both(binary(slots, valid, 'less'), below(number(0), key));
  const distance = binary(query, key, 'subtract');
  let seen = both(there, binary(distance, distance, 'equal'));
  if (causal) {
    const past = below(number(0), distance);
    seen = both(seen, prefix > 0 ? either(past, early(prefix)) : past);
  }
  if (before < Infinity || after < Infinity) {
    const ahead = after < Infinity ? below(number(-after), distance) : undefined;
    const behind = before < Infinity ? below(distance, number(before)) : undefined;
    const inside = ahead && behind ? both(ahead, behind) : (ahead ?? behind)!;
    seen = both(seen, sinkTokens > 0 ? either(inside, early(sinkTokens)) : inside);
  }
  if (segment > 0) {
    const half = number(0.5);
    const index = (x: Tensor): Tensor =>
      unary(binary(binary(x, half, 'add'), number(segment), 'divide'), 'floor');
    const own = binary(index(query), index(key), 'equal');
    const last = binary(index(key), number(segment), 'multiply');
    const anchor = binary(key, binary(last, number(segment - 1), 'add'), 'equal');
    seen = both(seen, anchors ? either(own, anchor) : own);
  }
  if (inputs.keyUntil) {
    const until = cast(inputs.keyUntil, 'f32');
    seen = both(seen, below(query, until.reshape([until.shape[0]!, 1, 1, until.shape[1]!])));
  }
  return seen;
}
