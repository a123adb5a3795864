import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import {
  type Decoder,
  type HostTensor,
  renderChat,
  type Session,
  stepOf,
  type Tokenizer,
  writeSafetensors,
} from '@headwise/models';
import { createSampler, generate, type Sampler } from '@headwise/sampling';
import { checkIds, type Device, printable } from '@headwise/tensor';
import { Template } from '@huggingface/jinja';
import { ids as idsOption, isOn, type Options, text, whole } from '../arguments.ts';
import { deadline } from '../deadline.ts';
import { type Activations, openDevice, openRounding } from '../devices.ts';
import { UsageError } from '../errors.ts';
import { exitCodes, type Io } from '../io.ts';
import { decoderOf, type LoadedModel, loadModel, neededTokenizer, shippedModel } from '../load-model.ts';
import { jsonLine } from '../output.ts';
import { progressOf } from '../progress.ts';
import { readSampling, type Sampling } from './sampling.ts';

const DEFAULT_MAX_TOKENS = 256;

interface GenerateOptions {
  readonly model: string;
  readonly tokenizer: string | undefined;
  readonly prompt: string | undefined;
  readonly ids: readonly number[] | undefined;
  /** The prompt is what a user says, and the model answers. */
  readonly chat: boolean;
  readonly system: string | undefined;
  /** 0 for the logits of the prompt alone. */
  readonly maxTokens: number;
  readonly device: string;
  readonly activations: Activations;
  readonly logits: string | undefined;
  readonly json: boolean;
  readonly sampling: Sampling;
}

/** What one run made. */
interface Generated {
  readonly ids: readonly number[];
  /** `context`: the last position of the model was reached. `none`: nothing was to be generated. */
  readonly reason: 'stop-id' | 'length' | 'context' | 'aborted' | 'none';
  /** Milliseconds to the first token: mostly the prompt. */
  readonly prefill: number;
  /** Milliseconds for the tokens after the first. */
  readonly decode: number;
}

/** A decoder with what its files say. */
interface Ready extends LoadedModel {
  readonly decoder: Decoder;
}

/**
 * `headwise generate`: continues a prompt, or answers it with `--chat`, streaming; with `--logits` writes those of every
 * position of it.
 */
export async function runGenerate(options: Options, io: Io): Promise<number> {
  const given = readOptions(options, io);
  const began = performance.now();
  const device = await (given.activations === 'exact'
    ? openDevice(given.device, io.note)
    : openRounding(given.activations));
  try {
    const progress = progressOf(io, given.model);
    const loaded = await loadModel(device, given.model, { ...given, signal: io.signal, ...progress }).finally(
      progress.done,
    );
    const model = { ...loaded, decoder: decoderOf(loaded, 'generate'), stopIds: stopIdsOf(loaded, given) };
    const prompt = promptIds(given, model);
    const load = performance.now() - began;
    if (given.logits !== undefined) await writeLogits(given.logits, model, prompt);
    const sampler = createSampler(given.sampling.chain, { seed: given.sampling.seed });
    const made = await continueText(given, model, prompt, sampler, io);
    if (given.json) io.out(jsonLine(report(given, model, prompt, made, sampler, load, device)));
    else io.err(printable(`${summary(made, device)}\n`));
    return made.reason === 'aborted' ? exitCodes.interrupted : exitCodes.ok;
  } finally {
    device.dispose();
  }
}

function readOptions(options: Options, io: Io): GenerateOptions {
  const path = (name: string): string | undefined => {
    const given = text(options, name);
    return given === undefined ? undefined : resolve(io.cwd, given);
  };
  const prompt = text(options, 'prompt');
  const ids = idsOption(options, 'ids');
  if (prompt !== undefined && ids !== undefined)
    throw new UsageError('--prompt and --ids say the same thing; give one of them');
  const [chat, system] = [isOn(options, 'chat'), text(options, 'system')];
  if (system !== undefined && !chat)
    throw new UsageError('--system is said before a conversation; give --chat too');
  if (chat && prompt === undefined) throw new UsageError('--chat answers what --prompt says; give it');
  const logits = path('logits');
  const device = text(options, 'device');
  const activations = text(options, 'activations') ?? 'exact';
  if (activations !== 'exact' && activations !== 'int8')
    throw new UsageError(`--activations takes exact or int8, got ${activations}`);
  if (activations === 'int8' && device !== undefined && device !== 'wasm')
    throw new UsageError(`--activations int8 is a way of the device wasm; leave --device ${device} out`);
  return {
    model: path('model') ?? shippedModel,
    tokenizer: path('tokenizer'),
    prompt,
    ids,
    chat,
    system,
    maxTokens: whole(options, 'max-tokens', 1) ?? (logits === undefined ? DEFAULT_MAX_TOKENS : 0),
    device: device ?? 'auto',
    activations,
    logits,
    json: isOn(options, 'json'),
    sampling: readSampling(options, io.note),
  };
}

function promptIds(given: GenerateOptions, model: Ready): number[] {
  const { decoder, path } = model;
  const list = given.ids ? [...given.ids] : textIds(given, model);
  if (list.length === 0)
    throw new UsageError(`${path} has no piece that begins a text: give it a --prompt, or --ids`);
  checkIds('generate', list, decoder.shape.V);
  if (list.length > decoder.context)
    throw new UsageError(`the prompt has ${list.length} tokens, the model’s context is ${decoder.context}`);
  return list;
}

function textIds({ prompt = '', chat, system }: GenerateOptions, model: LoadedModel): number[] {
  const tokenizer = neededTokenizer(model);
  if (!chat) return tokenizer.encode(prompt);
  const { chatTemplate: source, path } = model;
  if (source === undefined)
    throw new UsageError(`${path} has no chat template: it was trained to continue texts; leave --chat out`);
  const messages = [
    ...(system === undefined ? [] : [{ role: 'system', content: system }]),
    { role: 'user', content: prompt },
  ];
  // the template writes what stands around
  return tokenizer.encode(renderChat({ Template, source, messages, tokenizer, deadline }), {
    special: false,
  });
}

/** An answer also ends where the tokenizer says that a text does. */
function stopIdsOf({ stopIds, tokenizer }: LoadedModel, { chat }: GenerateOptions): readonly number[] {
  const end = chat ? tokenizer?.eos : undefined;
  return end === undefined ? stopIds : [...new Set([...stopIds, end])];
}

/** `logits [n, vocab]`, row p after ids 0 … p, and `input_ids [n]`. */
async function writeLogits(file: string, { decoder, name }: Ready, prompt: readonly number[]): Promise<void> {
  using session = decoder.start({ capacity: prompt.length });
  using logits = session.forward(prompt);
  const shape = [prompt.length, decoder.shape.V];
  const tensors: Record<string, HostTensor> = {
    input_ids: { dtype: 'I64', shape: [prompt.length], data: BigInt64Array.from(prompt, BigInt) },
    logits: { dtype: 'F32', shape, data: await logits.data() },
  };
  writeFileSync(file, writeSafetensors(tensors, { producer: `headwise generate, ${name}` }));
}

async function continueText(
  { maxTokens, json, chat }: GenerateOptions,
  { decoder, stopIds, tokenizer }: Ready,
  prompt: readonly number[],
  sampler: Sampler,
  io: Io,
): Promise<Generated> {
  if (maxTokens === 0) return { ids: [], reason: 'none', prefill: 0, decode: 0 };
  // the last token is not fed back, so it needs no position
  const room = decoder.context - prompt.length + 1;
  const bounded = Math.min(maxTokens, room);
  const stream = tokenizer?.stream();
  const show = (id: number, aloud = !json): void => {
    const piece = stream ? stream.push(id) : `${id} `;
    if (aloud) io.out(printable(piece));
  };
  using session: Session = decoder.start({ capacity: Math.min(decoder.context, prompt.length + bounded) });
  const run = generate(stepOf(session), {
    prompt,
    sampler,
    maxTokens: bounded,
    stopIds: [...stopIds],
    signal: io.signal,
  });
  // an answer is told alone
  for (const id of prompt) show(id, !json && !chat);
  try {
    for await (const { id } of run) if (!stopIds.includes(id)) show(id);
  } catch (error) {
    if (!io.signal.aborted) throw error;
  }
  if (!json) io.out(`${printable(stream?.end() ?? '')}\n`);
  const { ids, reason, timing } = run.summary;
  const ended = reason === 'length' && room < maxTokens ? 'context' : reason;
  return {
    ids,
    reason: ended as Generated['reason'],
    prefill: timing.firstToken,
    decode: timing.total - timing.firstToken,
  };
}

function report(
  { sampling, logits }: GenerateOptions,
  { path, decoder, tokenizer, loaded, format }: Ready,
  prompt: readonly number[],
  { ids, reason, prefill, decode }: Generated,
  sampler: Sampler,
  load: number,
  device: Device,
): object {
  const { temperature } = sampling;
  return {
    model: path,
    family: loaded.family.name,
    format,
    parameters: decoder.size,
    device: device.name,
    engine: device.ran,
    ...(device.details.activations && { activations: device.details.activations }),
    prompt_ids: prompt,
    generated_ids: ids,
    ...(tokenizer && {
      text: tokenizer.decode([...prompt, ...ids]),
      generated_text: continuation(tokenizer, prompt, ids),
    }),
    reason,
    sampling: temperature === 0 ? { temperature } : { temperature, seed: sampler.seed },
    timings: {
      load_ms: round(load),
      prefill_ms: round(prefill),
      decode_ms: round(decode),
      tokens_per_second: round(decode > 0 ? (1000 * (ids.length - 1)) / decode : 0),
    },
    ...(logits !== undefined && { logits: { file: logits, shape: [prompt.length, decoder.shape.V] } }),
  };
}

/** What follows the text of the prompt; a character that the prompt began and these ids ended belongs to it whole. */
export function continuation(
  tokenizer: Pick<Tokenizer, 'decode'>,
  prompt: readonly number[],
  ids: readonly number[],
): string {
  const before = tokenizer.decode(prompt);
  const whole = tokenizer.decode([...prompt, ...ids]);
  let same = before.length;
  while (!whole.startsWith(before.slice(0, same))) same--;
  return whole.slice(same);
}

function summary({ ids, reason, decode }: Generated, device: Device): string {
  const where = `on ${device.name} (ran: ${device.ran})`;
  if (reason === 'none') return `logits written, computed ${where}`;
  const why = {
    'stop-id': 'the text ended',
    length: 'as many as asked for',
    context: 'the model’s context is full',
    aborted: 'interrupted',
  }[reason];
  const speed = decode > 0 ? `, ${round((1000 * (ids.length - 1)) / decode)} tokens/s` : '';
  return `${ids.length} tokens (${why})${speed} ${where}`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
