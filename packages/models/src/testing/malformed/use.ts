import { createContext, Script } from 'node:vm';
import { createReference, KnownError } from '@headwise/tensor';
import { Template } from '@huggingface/jinja';
import { Tokenizer as Library } from '@huggingface/tokenizers';
import { renderChat } from '../../chat.ts';
import type { TokenizerSource } from '../../checkpoint.ts';
import { type Deadline, DeadlineError } from '../../deadline.ts';
import type { Decoder } from '../../decoder.ts';
import { loadModel } from '../../load-model.ts';
import { openCheckpoint } from '../../open-checkpoint.ts';
import { families } from '../../registry.ts';
import { memorySource } from '../../sources/byte-sources.ts';
import { createTokenizer } from '../../tokenizer.ts';
import type { Tokenizer } from '../../tokenizers/contract.ts';
import { createGgufTokenizer } from '../../tokenizers/gguf.ts';
import { createHuggingFaceTokenizer } from '../../tokenizers/huggingface.ts';
import type { Case } from './case.ts';
import { prompt } from './tokenizer.ts';

/**
 * Does with a model what a person does: opens and loads it, encodes a text, writes a conversation, computes logits.
 * What `ends` has all the time that a busy machine may need.
 * @returns the error, if there is one, and what the device held at the end
 */
export async function use(
  { files, main }: Case,
  { ends = true }: { readonly ends?: boolean } = {},
): Promise<{ error?: unknown; held: number }> {
  const deadline = ends ? patient : hasty;
  const device = createReference();
  let error: unknown;
  try {
    const checkpoint = await openCheckpoint({
      name: 'tiny',
      main,
      names: Object.keys(files),
      open: async (name) =>
        Object.hasOwn(files, name) ? memorySource(files[name]!, `tiny/${name}`) : undefined,
    });
    const loaded = await loadModel(device, checkpoint, { families });
    try {
      const model = loaded.model as Decoder;
      const tokenizer = checkpoint.tokenizer && tokenizerOf(checkpoint.tokenizer, model.V, deadline);
      await run(model, idsOf(tokenizer, checkpoint.chatTemplate, deadline), tokenizer);
    } finally {
      loaded.model.dispose();
    }
  } catch (caught) {
    error = caught;
  }
  const held = device.memory.liveBytes;
  device.dispose();
  return { error, held };
}

function idsOf(tokenizer: Tokenizer | undefined, source: string | undefined, deadline: Deadline): number[] {
  // of pieces like "piece 1", no text is made
  if (!tokenizer || tokenizer.piece(3) === 'piece 3') return [1];
  if (source === undefined) return tokenizer.encode(prompt).slice(0, 1);
  const messages = [{ role: 'user', content: prompt }];
  return tokenizer
    .encode(renderChat({ Template, source, messages, tokenizer, deadline }), { special: false })
    .slice(0, 1);
}

async function run(model: Decoder, ids: readonly number[], tokenizer: Tokenizer | undefined): Promise<void> {
  using session = model.start({ capacity: 1 });
  using made = session.step(ids);
  const logits = await made.data();
  if (!logits.every(Number.isFinite)) throw new Error('logits that are no numbers');
  tokenizer?.decode(ids);
}

function tokenizerOf(source: TokenizerSource, rows: number, deadline: Deadline): Tokenizer {
  switch (source.kind) {
    case 'huggingface': {
      const { json, config } = source;
      return createHuggingFaceTokenizer({ Tokenizer: Library, json, config, rows, deadline });
    }
    case 'gguf':
      return createGgufTokenizer(source.metadata, rows);
    case 'llama2c':
      return createTokenizer(source.vocabulary);
  }
}

/** What is wrong with an error: it must be one of ours, tell its reader something, and name what it is about. */
export function faultOf(error: unknown, says: RegExp | undefined): string | undefined {
  if (error === undefined) return says && `it is accepted, and must be refused: ${says}`;
  if (!KnownError.isInstance(error)) return `an error of the engine: ${String(error)}`;
  const { message } = error as Error;
  if (!says) return `it is refused, and is valid: ${message}`;
  if (!says.test(message)) return `it must say ${says}, it says: ${message}`;
  if (message.length > 8192) return `it says ${message.length} characters`;
  if (/undefined \(reading|not iterable|call stack|Invalid array/.test(message))
    return `a sentence of the engine: ${message}`;
  return undefined;
}

const box: { work: (() => unknown) | undefined } = { work: undefined };
const context = createContext(box);
const call = new Script('work()');

const stopping: Deadline = (work, milliseconds) => {
  box.work = work;
  try {
    return call.runInContext(context, { timeout: milliseconds }) as ReturnType<typeof work>;
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ERR_SCRIPT_EXECUTION_TIMEOUT')
      throw new DeadlineError('late');
    throw error;
  } finally {
    box.work = undefined;
  }
};

/** Stops what hangs, and nothing else. */
const patient: Deadline = (work) => stopping(work, 600_000);

/** What has no end is stopped after a quarter of its time as well as after all of it. */
const hasty: Deadline = (work, milliseconds) => stopping(work, Math.ceil(milliseconds / 4));
