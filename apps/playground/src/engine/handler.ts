import type { Device } from '@headwise/tensor';

/** What a handler has beside its parameters. */
export interface HandlerContext {
  /** Aborted when nobody waits for the answer any more. */
  readonly signal: AbortSignal;
  readonly onProgress: (value: unknown) => void;
  /**
   * The device that the visitor chose, or else the best that works here; what is used instead of another one is said on
   * the page. Kept for the next question, so it is not to be disposed.
   *
   * @param name default what was chosen
   */
  readonly device: (name?: string) => Promise<Device>;
}

/**
 * Answers one kind of question. Typed arrays of the answer are moved to the page, not copied: what a handler keeps it
 * must copy.
 */
// biome-ignore lint/suspicious/noExplicitAny: of any parameters; Asks says which
export type Handler<Params = any, Result = any> = (
  params: Params,
  context: HandlerContext,
) => Promise<Result> | Result;

/** Buffers that stand in an answer, shared memory aside. Never throws. */
export function buffersOf(value: unknown, found: Set<ArrayBuffer> = new Set()): Set<ArrayBuffer> {
  if (ArrayBuffer.isView(value)) {
    // a view of a part would take the rest along
    if (value.buffer instanceof ArrayBuffer && value.byteLength === value.buffer.byteLength)
      found.add(value.buffer);
  } else if (value instanceof ArrayBuffer) found.add(value);
  else if (Array.isArray(value)) for (const each of value) buffersOf(each, found);
  else if (value instanceof Map) for (const each of value.values()) buffersOf(each, found);
  else if (typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype)
    for (const each of Object.values(value)) buffersOf(each, found);
  return found;
}
