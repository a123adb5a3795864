import type { Device } from '@headwise/tensor';
import { RowStore } from './row-store.ts';

/** What a cache finds when it asks for the memory of its view. */
export interface Claim {
  readonly store: RowStore;
  /** Whether another cache had it since, so that every row is to be written again. */
  readonly stale: boolean;
}

/**
 * The rows in order, for caches that keep them some other way (in blocks, packed): one store `[B, capacity, ...row]`
 * of which an append writes the new rows only.
 *
 * Each cache has its own unless it is given one that others use too (the layers of a model, the conversations of
 * a pool). Then memory is that of one view, and a cache that comes after another writes all its rows again: what
 * is shared is traded for reads. A view is then good until another cache of the workspace appends or shows.
 */
export class Workspace {
  #store: RowStore | undefined;
  /** The cache that had it last. */
  #owner: object | undefined;
  /** Whether the rows in it are not the owner's any more. */
  #stale = true;
  #users = 0;

  /** Bytes it takes now, when its rows are this cache's: so that caches that share it count it once. Never throws. */
  bytesFor(owner: object): number {
    return this.#owner === owner ? (this.#store?.bytes ?? 0) : 0;
  }

  /** Whether the rows in it are this cache's. Never throws. */
  isOwner(owner: object): boolean {
    return this.#owner === owner && !this.#stale;
  }

  /** The rows in it are no longer this cache's. Never throws. */
  forget(owner: object): void {
    if (this.#owner === owner) this.#stale = true;
  }

  /** Another cache uses it. Never throws. */
  join(): this {
    this.#users++;
    return this;
  }

  /** A cache uses it no more; its memory goes with the last one. Never throws. */
  leave(owner: object): void {
    if (this.#owner === owner) this.#stale = true;
    if (--this.#users > 0) return;
    this.#store?.dispose();
    this.#store = undefined;
  }

  /** The store, for this cache from now on. @throws {DeviceError} if the device has no room. */
  claim(
    owner: object,
    device: Device,
    rows: Readonly<Record<string, readonly number[]>>,
    { B, capacity }: { readonly B: number; readonly capacity: number },
  ): Claim {
    const stale = !this.isOwner(owner);
    if (!this.#store?.fits(device, rows, B, capacity)) {
      this.#store?.dispose();
      this.#store = undefined;
      this.#store = new RowStore(device, rows, B, capacity);
    }
    this.#owner = owner;
    this.#stale = false;
    return { store: this.#store, stale };
  }
}

/** A workspace to be shared by caches of equal rows, batch and capacity. Never throws. */
export function createWorkspace(): Workspace {
  return new Workspace();
}
