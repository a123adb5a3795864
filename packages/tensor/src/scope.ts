/** What a scope frees: a tensor, of which nothing else matters here. */
interface AnyTensor {
  dispose(): void;
  /** The list of the scope that will free it. */
  [owner]?: AnyTensor[] | undefined;
}

const owner = Symbol('scope');

/** What each open scope will free, the innermost last, but for what has another owner by now. */
const open: AnyTensor[][] = [];

/** Called by every new tensor. Never throws. */
export function track(tensor: AnyTensor): void {
  const innermost = open.at(-1);
  if (innermost === undefined) return;
  innermost.push(tensor);
  tensor[owner] = innermost;
}

/**
 * Takes a tensor out of the scope it was made in, so that it outlives it and every scope around it: what a cache or a
 * model holds. Never throws.
 */
export function keep<T extends AnyTensor>(tensor: T): T {
  tensor[owner] = undefined;
  return tensor;
}

/**
 * Runs `work` and frees every tensor made inside, except those it returns (a tensor, or an array or plain object
 * of tensors, nested) and those handed to `keep`. When `work` throws, everything made inside is freed.
 *
 * Operations return at once, so `work` is synchronous; read the result outside:
 *
 * @example
 * const logits = scope(() => linear(rmsNorm(x, weight), head));
 * const values = await logits.data();
 *
 * @throws {TypeError} if `work` returns a promise, and whatever `work` throws.
 */
export function scope<Result>(work: () => Result): Result {
  const made: AnyTensor[] = [];
  open.push(made);
  let result: Result | undefined;
  try {
    result = work();
    if (result instanceof Promise) {
      throw new TypeError(
        'scope: work must be synchronous; operations return at once, so await outside the scope',
      );
    }
    return result;
  } finally {
    open.pop();
    const kept = new Set<AnyTensor>();
    collect(result, kept);
    for (const tensor of made) {
      if (tensor[owner] !== made) continue;
      tensor[owner] = undefined;
      if (kept.has(tensor)) track(tensor);
      else tensor.dispose();
    }
  }
}

function collect(value: unknown, into: Set<AnyTensor>): void {
  if (typeof value !== 'object' || value === null) return;
  if (isTensor(value)) into.add(value);
  else if (Array.isArray(value)) for (const item of value) collect(item, into);
  else if (Object.getPrototypeOf(value) === Object.prototype)
    for (const item of Object.values(value)) collect(item, into);
}

const marker = Symbol.for('@headwise/tensor/Tensor');

function isTensor(value: object): value is AnyTensor {
  return marker in value;
}
