import type { Told } from './judge.ts';
import type { Typed } from './written.ts';

/**
 * The policy of the frame that starts the worker. A worker from a `blob:` URL has the policy of who made it, so that with
 * `connect-src 'none'` neither fetch, WebSocket, EventSource nor importScripts reach anything, this server included.
 * `unsafe-eval` is what the engines need: kernels and modifiers are compiled from text.
 *
 * The frame has this page's origin (`sandbox="allow-scripts"` would give it its own): a worker of an origin of its own is
 * no secure context, and has no WebGPU. What an
 * origin keeps (IndexedDB, caches, channels to other pages) the worker takes from itself before it reads any code, and
 * code is in the dialect, which has names for numbers only, before it runs.
 */
const POLICY =
  "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval' blob:; worker-src blob:; connect-src 'none'";

/** Takes the program and hands the port through to it, and says when it does not start. */
const frameScript = `
addEventListener('message', ({ data }) => {
  const url = URL.createObjectURL(new Blob([data.program], { type: 'text/javascript' }));
  const worker = new Worker(url);
  worker.onerror = (event) => parent.postMessage({ sandbox: data.id, message: event.message || 'it did not start' }, '*');
  worker.postMessage({ typed: data.typed, port: data.port }, [data.port]);
}, { once: true });
parent.postMessage({ sandbox: 'here' }, '*');
`;

export interface SandboxOptions {
  /** The text of `sandbox.worker.ts`, in one piece. */
  readonly program: string;
  /** Without a word for so long, it is ended. */
  readonly deadlineMs: number;
  readonly signal: AbortSignal;
  readonly onTold: (told: Told) => void;
}

/** Code took longer than it may. */
export class TooLong extends Error {
  override readonly name = 'TooLong';
}

/**
 * Judges code in a worker without network, and ends it when it takes too long, when it is done, or when the signal says so.
 *
 * @throws {TooLong} naming the step that did not end.
 * @throws {Error} if the worker does not start or breaks.
 * @throws the reason of the signal.
 */
export async function judgeInSandbox(
  typed: Typed,
  { program, deadlineMs, signal, onTold }: SandboxOptions,
): Promise<void> {
  signal.throwIfAborted();
  const frame = document.createElement('iframe');
  frame.title = 'Where the code runs: nothing to see';
  frame.hidden = true;
  frame.srcdoc = `<!doctype html><meta http-equiv="Content-Security-Policy" content="${POLICY}"><script>${frameScript}</script>`;
  const { port1: own, port2: theirs } = new MessageChannel();
  const id = crypto.randomUUID();
  const end = new AbortController();
  try {
    await new Promise<void>((resolve, reject) => {
      let timer: ReturnType<typeof setTimeout>;
      let last = 'starting';
      const wind = (): void => {
        clearTimeout(timer);
        timer = setTimeout(() => {
          reject(new TooLong(`“${last}” took longer than ${deadlineMs / 1000} s and was ended.`));
        }, deadlineMs);
      };
      end.signal.addEventListener('abort', () => clearTimeout(timer));
      signal.addEventListener('abort', () => reject(signal.reason), { signal: end.signal });
      own.onmessage = ({
        data,
      }: MessageEvent<Told | { readonly kind: 'failed'; readonly message: string }>) => {
        wind();
        if (data.kind === 'failed') return reject(new Error(data.message));
        if (data.kind === 'step') last = data.label;
        onTold(data);
        if (data.kind === 'end') resolve();
      };
      addEventListener(
        'message',
        ({ data, source }: MessageEvent<{ readonly sandbox?: string; readonly message?: string }>) => {
          if (source !== frame.contentWindow) return;
          if (data.sandbox === 'here')
            frame.contentWindow!.postMessage({ id, program, typed, port: theirs }, '*', [theirs]);
          else if (data.sandbox === id) reject(new Error(`The sandbox broke: ${data.message}.`));
        },
        { signal: end.signal },
      );
      wind();
      document.body.append(frame);
    });
  } finally {
    end.abort();
    own.close();
    // its worker ends with it, in the middle of a loop too
    frame.remove();
  }
}
