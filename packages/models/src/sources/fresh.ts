type Take = (buffer: ArrayBuffer) => void;

/** Buffers that a source made for one reader, and who takes them when it is done. */
const buffers = new WeakMap<ArrayBufferLike, Take>();
/** Below this the garbage collector is quick enough. */
const LEAST = 2 ** 16;
/** Of a source: what is kept for the next reads, and how large each may be. */
const SPARES = 4;
const LARGEST_SPARE = 2 ** 24;

/**
 * Notes that bytes are in memory of their own. Never throws.
 * @param take what is done with the memory afterwards; default it is freed
 */
export function fresh<Bytes extends Uint8Array>(bytes: Bytes, take: Take = free): Bytes {
  const { buffer } = bytes;
  if (bytes.byteLength >= LEAST && bytes.byteLength === buffer.byteLength) buffers.set(buffer, take);
  return bytes;
}

/**
 * Says that what was read is not needed any more: its memory is used again or freed, now and not when the garbage
 * collector comes by. The table of embeddings of a model would else be there twice for a while. Memory that is not a
 * source's own is left alone. Never throws.
 */
export function giveBack({ buffer }: { readonly buffer: ArrayBufferLike }): void {
  const take = buffers.get(buffer);
  if (!take || !buffers.delete(buffer)) return;
  take(buffer as ArrayBuffer);
}

/** Buffers of a source that are used again: memory that was written before is faster than new memory. */
export class Spares {
  readonly #spares: ArrayBuffer[] = [];

  /** Bytes of any content. */
  get(length: number): Uint8Array {
    const at = this.#spares.findIndex(({ byteLength }) => byteLength === length);
    return at < 0 ? new Uint8Array(length) : new Uint8Array(this.#spares.splice(at, 1)[0]!);
  }

  /** Notes that the bytes come back here. */
  lend(bytes: Uint8Array): Uint8Array {
    return fresh(bytes, (buffer) => {
      if (buffer.byteLength > LARGEST_SPARE) return free(buffer);
      this.#spares.push(buffer);
      if (this.#spares.length > SPARES) free(this.#spares.shift()!);
    });
  }

  clear(): void {
    for (const buffer of this.#spares.splice(0)) free(buffer);
  }
}

function free(buffer: ArrayBuffer & { transfer?: (length: number) => ArrayBuffer }): void {
  if (buffer.transfer) {
    buffer.transfer(0);
    return;
  }
  // before Node 22: a message that nobody will receive
  const { port1, port2 } = new MessageChannel();
  port1.postMessage(undefined, [buffer]);
  port1.close();
  port2.close();
}
