import { Bell } from './control.ts';
import { type Helper, nodeThreads, startHelper } from './helper.ts';

/** A memory whose jobs helpers may work on. */
export interface Place {
  readonly id: number;
  readonly memory: WebAssembly.Memory;
  readonly module: WebAssembly.Module;
}

/**
 * The helper threads of the process, shared by all devices; started when first wanted, never more than the largest
 * number wanted. They do not keep the process alive.
 *
 * When one of them ends, which none does by itself, the pool is lost, and with it the devices that share it: nobody
 * knows what it left half done. Devices made afterwards have a new pool.
 */
export class Pool {
  readonly #startHelper: typeof startHelper;
  readonly #bell = new Int32Array(new SharedArrayBuffer(Bell.words * 4));
  readonly #helpers: Helper[] = [];
  #starting: Promise<void> = Promise.resolve();
  #nextId = 1;
  #lost: string | undefined;

  /** @param start How a helper begins. */
  constructor(start: typeof startHelper = startHelper) {
    this.#startHelper = start;
  }

  /** Why the pool is lost; undefined while all its helpers live. */
  get lost(): string | undefined {
    return this.#lost;
  }

  /** Starts helpers up to `count`. @returns how many there are; fewer where workers are forbidden. */
  async ensure(count: number): Promise<number> {
    this.#starting = this.#starting.then(() => this.#start(count - this.#helpers.length));
    await this.#starting;
    return this.#helpers.length;
  }

  attach(memory: WebAssembly.Memory, module: WebAssembly.Module): number {
    const place = { id: this.#nextId++, memory, module };
    this.#send({ attach: place });
    return place.id;
  }

  detach(id: number): void {
    this.#send({ detach: id });
  }

  /** Gives the helpers functions that jobs of a memory call. */
  extend(id: number, module: WebAssembly.Module): void {
    this.#send({ extend: { id, module } });
  }

  /** Calls the helpers to the open job of a memory. */
  ring(id: number): void {
    Atomics.store(this.#bell, Bell.place, id);
    Atomics.add(this.#bell, Bell.rings, 1);
    // whoever is about to sleep counts first and then sees that the bell rang
    if (!this.awake) Atomics.notify(this.#bell, Bell.rings);
  }

  /** Whether no helper sleeps: then even a short job is worth sharing. */
  get awake(): boolean {
    return Atomics.load(this.#bell, Bell.asleep) === 0;
  }

  /** Whether a kernel has failed in a helper. */
  get failing(): boolean {
    return Atomics.load(this.#bell, Bell.failed) !== 0;
  }

  /** Whether a kernel failed in a helper since the last call. */
  failed(): boolean {
    return Atomics.exchange(this.#bell, Bell.failed, 0) !== 0;
  }

  /**
   * Looks at every helper without waiting for an event; one that has ended loses the pool. @returns whether all of
   * them are known to live: in a browser nobody can know.
   */
  inspect(): boolean {
    let known = true;
    for (const { thread, lives } of this.#helpers) {
      const alive = lives();
      if (alive === false || Atomics.load(this.#bell, Bell.ended + thread) !== 0) this.lose(thread);
      known &&= alive === true;
    }
    return known;
  }

  /** Gives the pool up because a helper has ended, and ends the others. */
  lose(thread?: number): void {
    if (this.#lost !== undefined) return;
    this.#lost = `helper ${thread === undefined ? '' : `${thread} `}of ${this.#helpers.length} has ended`;
    for (const helper of this.#helpers) helper.stop();
  }

  async #start(missing: number): Promise<void> {
    if (missing <= 0 || this.#lost !== undefined) return;
    const first = this.#helpers.length + 1;
    const started = await Promise.all(
      Array.from({ length: missing }, (_, n) =>
        this.#startHelper(this.#bell, first + n, () => this.lose(first + n)).catch(() => undefined),
      ),
    );
    // a thread's number is its place in the scratch memory: keep them without gaps
    const last = started.indexOf(undefined);
    const usable = started.slice(0, last < 0 ? missing : last) as Helper[];
    for (const extra of started.slice(usable.length)) extra?.stop();
    // from here on letters reach them; the devices there are already have helpers enough
    this.#helpers.push(...usable);
  }

  #send(letter: object): void {
    for (const { thread, post } of this.#helpers) {
      Atomics.add(this.#bell, Bell.letters + thread, 1);
      post(letter);
    }
    Atomics.add(this.#bell, Bell.rings, 1);
    Atomics.notify(this.#bell, Bell.rings);
  }
}

let pool: Pool | undefined;

/** The pool of this process, or undefined where memory cannot be shared between threads. */
export function sharedPool(): Pool | undefined {
  if (typeof SharedArrayBuffer === 'undefined') return undefined;
  if (!nodeThreads() && (typeof Worker === 'undefined' || globalThis.crossOriginIsolated === false))
    return undefined;
  if (pool === undefined || pool.lost !== undefined) pool = new Pool();
  return pool;
}
