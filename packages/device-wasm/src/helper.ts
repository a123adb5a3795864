import { workerSource } from './worker.ts';

/** One helper thread, as the pool sees it. */
export interface Helper {
  /** 1 for the first; the calling thread is 0. */
  readonly thread: number;
  readonly post: (letter: object) => void;
  /** Whether it lives, as the runtime says at once; undefined where no runtime says so. */
  readonly lives: () => boolean | undefined;
  /** Ends it; `onEnd` is not called for that. */
  readonly stop: () => void;
}

/**
 * Starts a helper thread; resolves when it reads letters.
 *
 * @param onEnd called when it ends later on, whatever ended it
 * @throws whatever the runtime says when it gives no worker.
 */
export function startHelper(bell: Int32Array, thread: number, onEnd: () => void): Promise<Helper> {
  return nodeThreads() ? startInNode(bell, thread, onEnd) : startInBrowser(bell, thread, onEnd);
}

// no import: a bundler for the browser must not find one
export function nodeThreads(): typeof import('node:worker_threads') | undefined {
  return typeof process === 'object' && typeof process.getBuiltinModule === 'function'
    ? process.getBuiltinModule('node:worker_threads')
    : undefined;
}

function startInNode(bell: Int32Array, thread: number, onEnd: () => void): Promise<Helper> {
  const { Worker } = nodeThreads()!;
  // it makes nothing but a few letters
  const resourceLimits = { maxYoungGenerationSizeMb: 1 };
  const worker = new Worker(workerSource, {
    eval: true,
    stdin: false,
    env: {},
    execArgv: [],
    resourceLimits,
  });
  const stop = (): void => {
    worker.off('exit', onEnd);
    void worker.terminate();
  };
  // Node reads the clock of a thread's event loop at any time; of a thread that is no more it gives -1, or zeros
  const lives = (): boolean => {
    const { idle, active } = worker.performance.eventLoopUtilization();
    return idle >= 0 && active > 0;
  };
  const post = (letter: object): void => worker.postMessage(letter);
  return new Promise((resolve, reject) => {
    worker.once('message', () => {
      worker.off('exit', reject);
      worker.on('exit', onEnd);
      worker.unref();
      resolve({ thread, post, lives, stop });
    });
    // without a listener an error in a worker is one of the process
    worker.on('error', reject);
    worker.once('exit', reject);
    post({ bell, thread });
  });
}

function startInBrowser(bell: Int32Array, thread: number, onEnd: () => void): Promise<Helper> {
  const url = URL.createObjectURL(new Blob([workerSource], { type: 'text/javascript' }));
  const worker = new Worker(url);
  const locks = globalThis.navigator?.locks;
  const lock = locks && `@headwise/device-wasm ${crypto.randomUUID()}`;
  let ended = onEnd;
  const stop = (): void => {
    ended = () => {};
    worker.terminate();
  };
  const post = (letter: object): void => worker.postMessage(letter);
  return new Promise((resolve, reject) => {
    worker.onmessage = () => {
      URL.revokeObjectURL(url);
      worker.onerror = () => ended();
      // the helper holds the lock: whoever waits for it gets it when the helper is no more
      locks?.request(lock!, () => ended()).catch(() => {});
      resolve({ thread, post, lives: () => undefined, stop });
    };
    worker.onerror = reject;
    post({ bell, thread, lock });
  });
}
