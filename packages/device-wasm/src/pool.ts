import { CONTROL } from './control.ts';
import { workerSource } from './worker.ts';

/**
 * Milliseconds that a helper looks at the bell before it sleeps: longer than the gaps between the jobs of a model, and
 * between the steps of a generation. Waking costs as much as a small job takes.
 */
const SPIN = 1;

/** A memory whose jobs helpers may work on. */
export interface Place {
  readonly id: number;
  readonly memory: WebAssembly.Memory;
  readonly module: WebAssembly.Module;
}

interface Helper {
  post(letter: object): void;
}

/**
 * The helper threads of the process, shared by all devices; started when first wanted, never more than the largest
 * number wanted. They do not keep the process alive.
 */
class Pool {
  readonly #bell = new Int32Array(new SharedArrayBuffer(64));
  readonly #helpers: Helper[] = [];
  readonly #places = new Map<number, Place>();
  #starting: Promise<void> = Promise.resolve();
  #nextId = 1;

  /** Starts helpers up to `count`. @returns how many there are; fewer where workers are forbidden. */
  async ensure(count: number): Promise<number> {
    this.#starting = this.#starting.then(async () => {
      const missing = count - this.#helpers.length;
      if (missing <= 0) return;
      const first = this.#helpers.length + 1;
      const started = await Promise.all(Array.from({ length: missing }, (_, n) => this.#start(first + n)));
      // a thread's number is its place in the scratch memory: keep them without gaps
      for (const helper of started) {
        if (!helper) break;
        this.#helpers.push(helper);
      }
    });
    await this.#starting;
    return this.#helpers.length;
  }

  attach(memory: WebAssembly.Memory, module: WebAssembly.Module): number {
    const place = { id: this.#nextId++, memory, module };
    this.#places.set(place.id, place);
    this.#send({ attach: [place] });
    return place.id;
  }

  detach(id: number): void {
    this.#places.delete(id);
    this.#send({ detach: id });
  }

  /** Calls the helpers to the open job of a memory. */
  ring(id: number): void {
    Atomics.store(this.#bell, 1, id);
    Atomics.add(this.#bell, 0, 1);
    // whoever is about to sleep counts first and then sees that the bell rang
    if (!this.awake) Atomics.notify(this.#bell, 0);
  }

  /** Whether no helper sleeps: then even a short job is worth sharing. */
  get awake(): boolean {
    return Atomics.load(this.#bell, 4) === 0;
  }

  /** Whether a kernel failed in a helper since the last call. */
  failed(): boolean {
    return Atomics.exchange(this.#bell, 3, 0) !== 0;
  }

  #send(letter: object): void {
    Atomics.add(this.#bell, 2, 1);
    for (const helper of this.#helpers) helper.post(letter);
    Atomics.add(this.#bell, 0, 1);
    Atomics.notify(this.#bell, 0);
  }

  async #start(thread: number): Promise<Helper | undefined> {
    const first = {
      bell: this.#bell,
      thread,
      letters: Atomics.load(this.#bell, 2),
      attach: [...this.#places.values()],
    };
    const source = workerSource.replaceAll('SPIN', String(SPIN)).replaceAll('CONTROL', String(CONTROL / 4));
    try {
      return await (nodeThreads() ? startInNode(source, first) : startInBrowser(source, first));
    } catch {
      return undefined;
    }
  }
}

let pool: Pool | undefined;

/** The pool of this process, or undefined where memory cannot be shared between threads. */
export function sharedPool(): Pool | undefined {
  if (typeof SharedArrayBuffer === 'undefined') return undefined;
  if (!nodeThreads() && (typeof Worker === 'undefined' || globalThis.crossOriginIsolated === false))
    return undefined;
  pool ??= new Pool();
  return pool;
}

export type { Pool };

// no import: a bundler for the browser must not find one
function nodeThreads(): typeof import('node:worker_threads') | undefined {
  return typeof process === 'object' && typeof process.getBuiltinModule === 'function'
    ? process.getBuiltinModule('node:worker_threads')
    : undefined;
}

function startInNode(source: string, first: object): Promise<Helper> {
  const { Worker } = nodeThreads()!;
  const worker = new Worker(source, { eval: true, stdin: false, env: {}, execArgv: [] });
  return new Promise((resolve, reject) => {
    worker.once('message', () => {
      worker.unref();
      resolve({ post: (letter) => worker.postMessage(letter) });
    });
    worker.once('error', reject);
    worker.postMessage(first);
  });
}

function startInBrowser(source: string, first: object): Promise<Helper> {
  const url = URL.createObjectURL(new Blob([source], { type: 'text/javascript' }));
  const worker = new Worker(url);
  return new Promise((resolve, reject) => {
    worker.onmessage = () => {
      URL.revokeObjectURL(url);
      resolve({ post: (letter) => worker.postMessage(letter) });
    };
    worker.onerror = reject;
    worker.postMessage(first);
  });
}
