import { cac } from 'cac';
import manifest from '../package.json' with { type: 'json' };
import { type Options, protect } from './arguments.ts';
import { runBench } from './commands/bench.ts';
import { runClassify } from './commands/classify.ts';
import { runDevices } from './commands/devices.ts';
import { runEmbed } from './commands/embed.ts';
import { runGenerate } from './commands/generate.ts';
import { runInspect } from './commands/inspect.ts';
import { runIntroduce } from './commands/introduce.ts';
import { runNew } from './commands/new.ts';
import { runTrain } from './commands/train.ts';
import { runTranslate } from './commands/translate.ts';
import { UsageError } from './errors.ts';
import { exitCodes, type Io } from './io.ts';
import { jsonLine, shownMessage } from './output.ts';
import { runVerify } from './verify/command.ts';

/**
 * The command line: runs one command and returns its exit code (0; 1 when something failed; 2 when the command was
 * typed wrongly; 130 after Ctrl-C). An error is told on standard error; with `--json` standard output then holds
 * `{ "error": { "kind", "message" } }`, so that it is one document in every case.
 */
export async function main(argv: readonly string[], io: Io): Promise<number> {
  try {
    return await dispatch(argv, io);
  } catch (error) {
    const usage = UsageError.isInstance(error) || (error as Error).name === 'CACError';
    const { name: kind, message: told } = error instanceof Error ? error : new Error(String(error));
    const message = shownMessage(told);
    io.err(`headwise: ${message}\n`);
    if (usage) io.err(`Try: headwise ${known(argv[0]) ? `${argv[0]} ` : ''}--help\n`);
    if (argv.includes('--json')) io.out(jsonLine({ error: { kind, message } }));
    if (io.signal.aborted) return exitCodes.interrupted;
    return usage ? exitCodes.usage : exitCodes.failed;
  }
}

const commandNames = [
  'generate',
  'embed',
  'classify',
  'translate',
  'inspect',
  'train',
  'verify',
  'devices',
  'bench',
  'introduce',
  'new',
];

const MODEL = 'Folder with config.json and model.safetensors, a .gguf, or a llama2.c .bin';
const TOKENIZER =
  'A tokenizer.json, a .vocab.json or a llama2.c tokenizer; default: what the model’s files have';

function known(name: string | undefined): boolean {
  return name !== undefined && commandNames.includes(name);
}

async function dispatch(argv: readonly string[], io: Io): Promise<number> {
  const cli = createCli(io);
  const [name] = argv;
  if (name === undefined || ['--help', '-h', 'help'].includes(name)) {
    cli.outputHelp();
    return exitCodes.ok;
  }
  if (!known(name) && !['--version', '-v'].includes(name))
    throw new UsageError(`there is no command "${name}"; there are ${commandNames.join(', ')}`);
  // the suite reads its own options
  if (name === 'bench') return runBench(argv.slice(1), io);
  const safe = protect(argv, cli.commands);
  if (safe.includes('--help') || safe.includes('-h')) {
    cli.parse(['', '', name, '--help'], { run: false });
    return exitCodes.ok;
  }
  cli.parse(['', '', ...safe], { run: false });
  return ((await cli.runMatchedCommand()) as number | undefined) ?? exitCodes.ok;
}

function createCli(io: Io): ReturnType<typeof cac> {
  const cli = cac('headwise');
  cli
    .command('generate', 'Continue a prompt with a model, streaming')
    .usage('generate [options]')
    .option('--model <path>', `${MODEL}; default: the shipped little-stories`)
    .option('--tokenizer <file>', TOKENIZER)
    .option('--prompt <text>', 'Text to continue; default: none, the model begins')
    .option('--ids <list>', 'Token ids instead of a text: 1,403,407')
    .option('--chat', 'The prompt is what a user says, and the model answers, by its own chat template')
    .option('--system <text>', 'With --chat: what the model is told before')
    .option('--max-tokens <n>', 'Most tokens to generate; default: 256')
    .option('--temperature <t>', '0 takes the best token; above, tokens are drawn; default: 0')
    .option('--top-k <k>', 'Draw from the k best')
    .option('--top-p <p>', 'Draw from the fewest that have probability p together')
    .option('--min-p <p>', 'Draw from those at least p times as likely as the best')
    .option('--seed <n>', 'Makes draws repeatable')
    .option('--device <name>', 'See headwise devices; default: auto')
    .option(
      '--activations <name>',
      'What quantized weights are multiplied with: exact, or int8, in 8 bits and faster, on wasm; default: exact',
    )
    .option(
      '--logits <file>',
      'Write logits [n, vocab] after each of the n prompt tokens to a safetensors file; generates only with --max-tokens',
    )
    .option('--json', 'One JSON document: prompt_ids, generated_ids, text, reason, timings, device')
    .example('  headwise generate --prompt "Once upon a time"')
    .example(
      '  headwise generate --model stories260K --prompt "The big dog" --max-tokens 50 --device gpujs:webasm',
    )
    .example('  headwise generate --prompt "One day, Ada" --temperature 0.8 --top-p 0.9 --seed 7')
    .example('  headwise generate --ids 1,403,407 --logits logits.safetensors')
    .action((options: Options) => runGenerate(options, io));
  cli
    .command('embed [...texts]', 'Vectors of texts with an encoder, and how alike they are')
    .usage('embed <texts…> --model <path> [options]')
    .option('--model <path>', MODEL)
    .option('--tokenizer <file>', TOKENIZER)
    .option('--ids <list>', 'Token ids of one text instead: 101,7592,102')
    .option('--pooling <name>', 'mean, first or max of the tokens; default: mean')
    .option('--raw', 'Vectors as they come, not brought to length 1')
    .option('--long <how>', 'Texts beyond the context: head, tail, ends (both), or all of it in chunks')
    .option('--device <name>', 'See headwise devices; default: auto')
    .option('--json', 'One JSON document: texts, embeddings, similarities')
    .example('  headwise embed "A cat sleeps" "A kitten naps" "Stocks fell" --model all-MiniLM-L6-v2')
    .action((texts: readonly string[], options: Options) => runEmbed(texts.map(String), options, io));
  cli
    .command('classify [...texts]', 'Classes of texts with an encoder, or what stands at a mask')
    .usage('classify <texts…> --model <path> [options]')
    .option('--model <path>', MODEL)
    .option('--tokenizer <file>', TOKENIZER)
    .option('--pair <text>', 'A second text for each: a hypothesis, a passage')
    .option('--ids <list>', 'Token ids of one text instead')
    .option('--top <n>', 'So many of the best; default: 5')
    .option('--device <name>', 'See headwise devices; default: auto')
    .option('--json', 'One JSON document: for each text labels, probabilities, logits')
    .example('  headwise classify "I loved it" --model distilbert-sst2')
    .example('  headwise classify "Paris is the [MASK] of France." --model bert-base-uncased')
    .action((texts: readonly string[], options: Options) => runClassify(texts.map(String), options, io));
  cli
    .command('translate [...texts]', 'Texts from texts with an encoder and a decoder: greedy, or beams')
    .usage('translate <texts…> --model <path> [options]')
    .option('--model <path>', MODEL)
    .option('--tokenizer <file>', TOKENIZER)
    .option('--ids <list>', 'Token ids of one source instead')
    .option('--beams <n>', 'Beams; 1 is greedy; default: what generation_config.json says, or 1')
    .option('--length-penalty <p>', 'Above 0 favours long texts; default: what the model’s files say, or 1')
    .option('--max-tokens <n>', 'Most tokens to write; default: 128')
    .option('--device <name>', 'See headwise devices; default: auto')
    .option('--json', 'One JSON document: for each source ids, text, score')
    .example('  headwise translate "translate English to German: The house is wonderful." --model t5-small')
    .action((texts: readonly string[], options: Options) => runTranslate(texts.map(String), options, io));
  cli
    .command('inspect [model]', 'What a model is made of, and the memory that its keys and values take')
    .usage('inspect <model> [options]')
    .option('--tensors', 'Every tensor of the files')
    .option('--dtype <name>', 'How keys and values are kept: f32, f16, int8, …; default: f16')
    .option('--window <n>', 'For the comparison with a sliding window; default: 4096')
    .option('--json', 'One JSON document')
    .example('  headwise inspect SmolLM2-135M-Instruct.gguf')
    .action((path: string | undefined, options: Options) => runInspect(path, options, io));
  cli
    .command(
      'train [file]',
      'Train a decoder, alone or with an encoder, or an encoder to tell classes of texts apart; the same command goes on where it was',
    )
    .usage('train <config.json> [options]')
    .option('--example <name>', 'reversal, transformer: learn in seconds to say digits backwards')
    .option(
      '--out <folder>',
      'Folder of the run: states, log, curves, picture, model; default: what the file says',
    )
    .option('--steps <n>', 'Instead of those of the file')
    .option('--device <name>', 'See headwise devices; default: wasm')
    .option('--json', 'One JSON document: out, files, step, reason, loss, evaluation, seconds')
    .example('  headwise train --example reversal')
    .example('  headwise train stories.json')
    .action((file: string | undefined, options: Options) => runTrain(file, options, io));
  cli
    .command(
      'verify [...paths]',
      'Run conformance cases and model folders on a device; default: those that ship',
    )
    .usage('verify [folder or files…] [options]')
    .option('--device <name>', 'See headwise devices; default: auto')
    .option('--filter <text>', 'Only cases whose operator, name or feature contains the text')
    .option('--json', 'One JSON document: every case, passed, failed, skipped')
    .example('  headwise verify')
    .example('  headwise verify cases/ --device wasm')
    .example('  headwise verify cases/Attention/one.safetensors --json')
    .example('  headwise verify cases/ --filter softcap --device gpujs:cpu')
    .example('  headwise verify models/llama-a')
    .action((paths: readonly string[], options: Options) =>
      runVerify((paths ?? []).map(String), options, io),
    );
  cli
    .command('devices', 'List the devices, which work here, and how to get the others')
    .usage('devices [options]')
    .option('--json', 'One JSON document')
    .example('  headwise devices')
    .action((options: Options) => runDevices(options, io));
  cli.command('bench', 'Measure what attention variants cost and save here, yours too: --variant ./mine.ts');
  cli
    .command('introduce', 'Let the shipped model tell a story')
    .example('  headwise introduce')
    .action(() => runIntroduce(io));
  cli
    .command(
      'new <kind> <name>',
      'Write a small package with an attention variant of your own and the conformance kit',
    )
    .usage('new variant <name>')
    .example('  headwise new variant sparse-sink')
    .action((kind: string, name: string) => runNew(String(kind), String(name), manifest.version, io));
  cli.example('  headwise introduce');
  cli.example('  headwise generate --prompt "Once upon a time"');
  cli.help();
  cli.version(manifest.version);
  return cli;
}
