import { SamplingError } from '../errors.ts';
import type {
  GeneratedToken,
  GenerateOptions,
  GenerateSummary,
  Generation,
  RawToken,
  Speculation,
  StopReason,
} from './contract.ts';
import { logprobs } from './logprobs.ts';
import { StopScanner } from './stop-scanner.ts';
import { TextStream } from './text-stream.ts';

/**
 * Gives tokens their text, looks for the end, and keeps the books: the part of a run that does not depend on
 * where its tokens come from.
 */
export class Run implements Generation {
  readonly #options: GenerateOptions;
  readonly #ids: number[] = [];
  readonly #tokens: AsyncGenerator<GeneratedToken, void>;
  readonly #speculation: (() => Speculation) | undefined;
  #reason: StopReason | 'running' = 'running';
  #text = '';
  #stopString: string | undefined;
  #start = 0;
  #first = 0;
  #last = 0;
  #step = 0;
  #sample = 0;

  constructor(
    options: GenerateOptions,
    source: AsyncGenerator<RawToken, void>,
    speculation?: () => Speculation,
  ) {
    this.#options = options;
    this.#speculation = speculation;
    this.#tokens = this.#run(source);
  }

  [Symbol.asyncIterator](): AsyncIterator<GeneratedToken> {
    return this.#tokens;
  }

  get summary(): GenerateSummary {
    const count = this.#ids.length;
    const after = this.#last - this.#first;
    return {
      reason: this.#reason,
      ids: [...this.#ids],
      text: this.#text,
      stopString: this.#stopString,
      timing: {
        total: this.#last - this.#start,
        firstToken: this.#first - this.#start,
        step: this.#step,
        sample: this.#sample,
        tokensPerSecond: count > 1 && after > 0 ? ((count - 1) / after) * 1000 : 0,
      },
      speculation: this.#speculation?.(),
    };
  }

  async finish(): Promise<GenerateSummary> {
    for await (const _ of this);
    return this.summary;
  }

  async *#run(source: AsyncGenerator<RawToken, void>): AsyncGenerator<GeneratedToken, void> {
    const { signal } = this.#options;
    this.#start = this.#first = this.#last = performance.now();
    try {
      yield* this.#deliver(source);
    } catch (error) {
      this.#reason = signal?.aborted && error === signal.reason ? 'aborted' : 'failed';
      throw error;
    } finally {
      if (this.#reason === 'running') this.#reason = 'cancelled';
    }
  }

  async *#deliver(source: AsyncGenerator<RawToken, void>): AsyncGenerator<GeneratedToken, void> {
    const { decode, prompt, stopStrings = [], minTokens = 0, logprobs: alternatives } = this.#options;
    const stream = decode && new TextStream(decode, prompt);
    const scanner = new StopScanner(stopStrings);
    for await (const raw of source) {
      const index = this.#ids.push(raw.id) - 1;
      this.#last = performance.now();
      if (index === 0) this.#first = this.#last;
      this.#step += raw.step;
      this.#sample += raw.sample;

      const stopped = this.#isStop(raw.id);
      let text = stopped ? '' : (stream?.push(raw.id) ?? '');
      if (index + 1 >= minTokens) text = scanner.push(text);
      let reason = this.#reasonToStop(raw, scanner.found);
      if (reason && scanner.found === undefined) {
        // what was held back may itself complete a stop string
        text += scanner.push(stream?.end() ?? '');
        if (scanner.found === undefined) text += scanner.end();
        else reason = 'stop-string';
      }
      this.#text += text;
      this.#stopString = scanner.found;
      if (reason) this.#reason = reason;

      yield {
        id: raw.id,
        index,
        text,
        ...(alternatives !== undefined && logprobs(raw.logits, raw.id, alternatives)),
        ...(raw.explanation && { explanation: raw.explanation }),
        ...(raw.origin && { origin: raw.origin }),
        timing: { step: raw.step, sample: raw.sample },
      };
      if (reason) return;
    }
    throw new SamplingError('generate', 'the source of tokens ended before the run did');
  }

  #isStop(id: number): boolean {
    const { stopIds = [], minTokens = 0 } = this.#options;
    return this.#ids.length > minTokens && stopIds.includes(id);
  }

  #reasonToStop(raw: RawToken, stopString: string | undefined): StopReason | undefined {
    if (stopString !== undefined) return 'stop-string';
    if (this.#isStop(raw.id)) return 'stop-id';
    if (raw.complete) return 'complete';
    return this.#ids.length >= this.#options.maxTokens ? 'length' : undefined;
  }
}
