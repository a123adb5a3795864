import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import {
  type FileSet,
  FormatError,
  familyOf,
  type LoadedModel,
  loadModel,
  openCheckpoint,
  readJson,
  readSafetensors,
} from '@headwise/models';
import {
  decoderOutputs,
  encoderDecoderOutputs,
  encoderOutputs,
  type ForcedIds,
  Golden,
  type GoldenOutput,
} from '@headwise/models/conformance';
import { pathFiles } from '@headwise/models/node';
import { families } from '@headwise/models/registry';
import { type Device, DeviceError, oneLine } from '@headwise/tensor';
import { shownMessage } from '../output.ts';
import { readTokenizerFile, tokenizerOf } from '../tokenizers.ts';
import { compareValues } from './compare.ts';
import type { CaseReport } from './verify.ts';

/** A folder with what a model or a tokenizer must say: `golden.json`, beside `golden.safetensors` or `tokenizer.json`. */
export function isModelFolder(path: string): boolean {
  const has = (name: string): boolean => existsSync(join(path, name));
  return has('golden.json') && (has('golden.safetensors') || has('tokenizer.json'));
}

interface ModelOptions {
  readonly filter: string | undefined;
  readonly signal: AbortSignal;
}

/**
 * Compares a model with its golden data: logits, hidden states, attention, greedy ids, batches, beams, classes, vectors;
 * each of its GGUF files; or a tokenizer with its texts. One report for each checkpoint. Never throws.
 *
 * @param name of the folder in the reports
 */
export async function* verifyModelFolder(
  folder: string,
  name: string,
  device: Device,
  { filter, signal }: ModelOptions,
): AsyncGenerator<CaseReport> {
  for (const { file, files } of checkpointsOf(folder)) {
    if (signal.aborted) return;
    const path = file === '' ? name : `${name}/${file}`;
    const title = file === '' ? basename(folder) : `${basename(folder)}/${file}`;
    const base = { file: path, case: title };
    if (files === undefined) {
      const report = { ...base, op: 'tokenizer' };
      if (matches(report, filter)) yield { ...report, ...tokenizerResult(folder) };
      continue;
    }
    let op = 'model';
    try {
      const checkpoint = await openCheckpoint(files, { signal });
      try {
        op = `model.${familyOf(checkpoint.config, families).name}`;
        if (!matches({ ...base, op }, filter)) continue;
        const loaded = await loadModel(device, checkpoint, { families, signal });
        try {
          yield { ...base, op, ...(await compared(outputsOf(loaded, folder, file))) };
        } finally {
          loaded.model.dispose();
        }
      } finally {
        checkpoint.close();
      }
    } catch (error) {
      if (signal.aborted) return;
      if (matches({ ...base, op }, filter)) yield { ...base, op, ...failure(error, device) };
    }
  }
}

function matches(report: Pick<CaseReport, 'op' | 'case' | 'file'>, filter: string | undefined): boolean {
  if (filter === undefined) return true;
  const { op, case: name, file } = report;
  return [`${op}/${name}`, file].some((word) => word.toLowerCase().includes(filter));
}

/** What is to be checked in a folder: one checkpoint, one for each head, the GGUF files, or a tokenizer. */
function checkpointsOf(folder: string): { readonly file: string; readonly files: FileSet | undefined }[] {
  const has = (...names: string[]): boolean => existsSync(join(folder, ...names));
  const ggufs = readdirSync(folder)
    .filter((file) => file.endsWith('.gguf'))
    .sort();
  if (ggufs.length > 0) return ggufs.map((file) => ({ file, files: pathFiles(join(folder, file)) }));
  if (has('tokenizer.json') && !has('config.json')) return [{ file: '', files: undefined }];
  const heads = readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && has(entry.name, 'config.json'))
    .map((entry) => entry.name)
    .sort();
  if (heads.length > 0) return heads.map((file) => ({ file, files: pathFiles(join(folder, file)) }));
  return [{ file: '', files: pathFiles(folder) }];
}

function outputsOf(loaded: LoadedModel, folder: string, file: string): AsyncGenerator<GoldenOutput> {
  const golden = new Golden(
    jsonOf(join(folder, 'golden.json')),
    readSafetensors(bytesOf(join(folder, 'golden.safetensors'))),
  );
  if (file.endsWith('.gguf')) return quantizedOutputs(loaded, golden, file);
  switch (loaded.kind) {
    case 'decoder':
      return decoderOutputs(loaded.model, golden);
    case 'encoder':
      return encoderOutputs(loaded.model, golden);
    case 'encoder-decoder': {
      const said = join(folder, 'generation_config.json');
      const forced = existsSync(said) ? (jsonOf(said) as ForcedIds) : {};
      return encoderDecoderOutputs(loaded.model, golden, loaded.ids, forced);
    }
  }
}

/** `model-Q4_0.gguf` is to give `logits.Q4_0`. */
async function* quantizedOutputs(
  loaded: LoadedModel,
  golden: Golden,
  file: string,
): AsyncGenerator<GoldenOutput> {
  if (loaded.kind !== 'decoder') throw new FormatError('golden.json', `${file} must be a decoder`);
  const name = `logits.${/^model-(.*)\.gguf$/.exec(file)?.[1]}`;
  const ids = golden.numbers('input.ids');
  const { tolerance } = golden.json as { tolerance: { logits: GoldenOutput['tolerance'] } };
  using session = loaded.model.start({ capacity: ids.length });
  using logits = session.forward(ids);
  yield { name, got: await logits.data(), want: golden.numbers(name), tolerance: tolerance.logits };
}

type Result = Pick<CaseReport, 'status' | 'reason' | 'largestError'>;

/** All outputs; the first that differs is the reason. */
async function compared(outputs: AsyncIterable<GoldenOutput>): Promise<Result> {
  let largestError = 0;
  let count = 0;
  let reason: string | undefined;
  for await (const { name, got, want, tolerance } of outputs) {
    const exact = tolerance.atol === 0 && tolerance.rtol === 0;
    const { largest, problem } = compareValues(name, got, want, { ...tolerance, exact });
    count += 1;
    reason ??= problem && oneLine(problem);
    // ids are no numbers to be near
    if (!exact) largestError = Math.max(largestError, largest);
  }
  if (count === 0) return { status: 'fail', reason: 'the golden data say nothing of this model' };
  return {
    status: reason === undefined ? 'pass' : 'fail',
    ...(reason !== undefined && { reason }),
    largestError,
  };
}

function failure(error: unknown, device: Device): Result {
  const reason = shownMessage(error instanceof Error ? error.message : String(error));
  const unsupported = DeviceError.isInstance(error) && error.message.startsWith(`${device.name}: cannot run`);
  return { status: unsupported ? 'skip' : 'fail', reason };
}

/** What `golden.json` of a tokenizer has, as far as it is read. */
interface TokenizerGolden {
  readonly vocab_size: number;
  readonly texts: readonly {
    readonly text: string;
    readonly ids: readonly number[];
    readonly ids_without_special: readonly number[];
    readonly decoded: string;
  }[];
  readonly pairs?: readonly {
    readonly text: string;
    readonly pair: string;
    readonly ids: readonly number[];
    readonly type_ids: readonly number[];
  }[];
}

function tokenizerResult(folder: string): Result {
  try {
    const golden = jsonOf(join(folder, 'golden.json')) as TokenizerGolden;
    const source = readTokenizerFile(join(folder, 'tokenizer.json'));
    const tokenizer = tokenizerOf(source, golden.vocab_size);
    const pairs = (golden.pairs ?? []).flatMap(({ text, pair, ids, type_ids }) => {
      const both = tokenizer.encodePair?.(text, pair);
      return [
        [`ids of ${shown(text)} and ${shown(pair)}`, both?.ids, ids],
        [`kinds of ${shown(text)} and ${shown(pair)}`, both?.types, type_ids],
      ];
    });
    const texts = golden.texts.flatMap(({ text, ids, ids_without_special, decoded }) => [
      [`ids of ${shown(text)}`, tokenizer.encode(text), ids],
      [`ids of ${shown(text)} alone`, tokenizer.encode(text, { special: false }), ids_without_special],
      [`text of ${shown(text)}`, tokenizer.decode(ids), decoded],
    ]);
    const wrong = [...texts, ...pairs].find(([, got, want]) => JSON.stringify(got) !== JSON.stringify(want));
    if (!wrong) return { status: 'pass' };
    const [what, got, want] = wrong;
    return {
      status: 'fail',
      reason: oneLine(`${what}: ${JSON.stringify(got)}, not ${JSON.stringify(want)}`),
    };
  } catch (error) {
    return { status: 'fail', reason: shownMessage((error as Error).message) };
  }
}

function shown(text: string): string {
  return JSON.stringify(text.length > 40 ? `${text.slice(0, 39)}…` : text);
}

function bytesOf(path: string): Uint8Array {
  return new Uint8Array(readFileSync(path));
}

function jsonOf(path: string): unknown {
  return readJson(bytesOf(path), path);
}
