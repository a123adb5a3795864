import {
  type Checkpoint,
  createTokenizer,
  type FileSet,
  filesOf,
  openCheckpoint,
  type Tokenizer,
} from '@headwise/models';
import { openedModel } from './opened-model.ts';

/** The small model that lies beside the page: its files, read once, and its tokenizer. Put it on a device with `loadModel`. */
export interface ShippedModel {
  readonly checkpoint: Checkpoint;
  readonly tokenizer: Tokenizer;
}

/** How much of its files has come. */
export interface FetchProgress {
  readonly loaded: number;
  /** 0 where the server does not say. */
  readonly total: number;
}

interface Watcher {
  readonly signal: AbortSignal;
  readonly onProgress: (progress: FetchProgress) => void;
}

const FILES = ['config.json', 'tokenizer.vocab.json', 'model.safetensors'];
const folder = (): URL =>
  // beside the page, which is one folder up from a built worker
  new URL(import.meta.env.PROD ? '../models/little-stories/' : '/models/little-stories/', location.href);

let coming: { promise: Promise<ShippedModel>; controller: AbortController } | undefined;
const watchers = new Set<Watcher>();

/**
 * The model of the views: the visitor's own where one is open, else the shipped one. That is fetched once for all who
 * ask; it is given up when nobody waits any more.
 *
 * @throws {Error} naming the file that did not come, an `AbortError` when given up, {FormatError} for a damaged file.
 */
export async function shippedModel(watcher: Watcher): Promise<ShippedModel> {
  watcher.signal.throwIfAborted();
  const own = openedModel();
  if (own) return own;
  if (!coming) {
    const controller = new AbortController();
    const promise = fetchModel(controller.signal);
    const mine = { promise, controller };
    coming = mine;
    promise.catch(() => {
      if (coming === mine) coming = undefined;
    });
  }
  const { promise, controller } = coming;
  watchers.add(watcher);
  let giveUp: (reason: unknown) => void;
  const givenUp = new Promise<never>((_, reject) => {
    giveUp = reject;
  });
  const onAbort = (): void => {
    watchers.delete(watcher);
    if (watchers.size === 0) {
      controller.abort();
      coming = undefined;
    }
    giveUp(watcher.signal.reason);
  };
  watcher.signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([promise, givenUp]);
  } finally {
    watchers.delete(watcher);
    watcher.signal.removeEventListener('abort', onAbort);
  }
}

async function fetchModel(signal: AbortSignal): Promise<ShippedModel> {
  let [loaded, total] = [0, 0];
  const responses = await Promise.all(FILES.map((name) => get(name, signal)));
  for (const { headers } of responses) total += Number(headers.get('content-length') ?? 0);
  const files = await Promise.all(
    responses.map(async (response, n) => {
      const parts: Uint8Array<ArrayBuffer>[] = [];
      const reader = response.body!.getReader();
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        parts.push(value);
        loaded += value.length;
        // a compressed file brings more than its length says
        for (const { onProgress } of watchers) onProgress({ loaded, total: Math.max(total, loaded) });
      }
      return new File(parts, FILES[n]!);
    }),
  );
  const set: FileSet = filesOf(files, 'little-stories');
  const checkpoint = await openCheckpoint(set, { signal });
  if (checkpoint.tokenizer?.kind !== 'llama2c') throw new Error('little-stories: there is no vocabulary');
  return { checkpoint, tokenizer: createTokenizer(checkpoint.tokenizer.vocabulary) };
}

async function get(name: string, signal: AbortSignal): Promise<Response> {
  const url = new URL(name, folder());
  const response = await fetch(url, { signal }).catch((error: Error) => {
    if (error.name === 'AbortError') throw error;
    throw new Error(`The model could not be fetched: ${name} (${error.message}). Are you offline?`);
  });
  if (response.ok && response.body) return response;
  throw new Error(`The model could not be fetched: ${name} (${response.status} ${response.statusText}).`);
}
