import { cac } from 'cac';
import manifest from '../package.json' with { type: 'json' };
import { type Options, protect } from './arguments.ts';
import { runDevices } from './commands/devices.ts';
import { runGenerate } from './commands/generate.ts';
import { runIntroduce } from './commands/introduce.ts';
import { runNew } from './commands/new.ts';
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
    const usage = error instanceof UsageError || (error as Error).name === 'CACError';
    const { name: kind, message: told } = error instanceof Error ? error : new Error(String(error));
    const message = shownMessage(told);
    io.err(`headwise: ${message}\n`);
    if (usage) io.err(`Try: headwise ${known(argv[0]) ? `${argv[0]} ` : ''}--help\n`);
    if (argv.includes('--json')) io.out(jsonLine({ error: { kind, message } }));
    return usage ? exitCodes.usage : exitCodes.failed;
  }
}

const commandNames = ['generate', 'verify', 'devices', 'introduce', 'new'];

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
    .option(
      '--model <path>',
      'Folder with config.json and model.safetensors, or a llama2.c .bin; default: the shipped little-stories',
    )
    .option(
      '--tokenizer <file>',
      'A .vocab.json or a llama2.c tokenizer; default: what lies beside the model',
    )
    .option('--prompt <text>', 'Text to continue; default: none, the model begins')
    .option('--ids <list>', 'Token ids instead of a text: 1,403,407')
    .option('--max-tokens <n>', 'Most tokens to generate; default: 256')
    .option('--temperature <t>', '0 takes the best token; above, tokens are drawn; default: 0')
    .option('--top-k <k>', 'Draw from the k best')
    .option('--top-p <p>', 'Draw from the fewest that have probability p together')
    .option('--min-p <p>', 'Draw from those at least p times as likely as the best')
    .option('--seed <n>', 'Makes draws repeatable')
    .option('--device <name>', 'See headwise devices; default: auto')
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
    .command('verify [...paths]', 'Run conformance cases on a device; default: those that ship')
    .usage('verify [folder or files…] [options]')
    .option('--device <name>', 'See headwise devices; default: auto')
    .option('--filter <text>', 'Only cases whose operator, name or feature contains the text')
    .option('--json', 'One JSON document: every case, passed, failed, skipped')
    .example('  headwise verify')
    .example('  headwise verify cases/ --device wasm')
    .example('  headwise verify cases/Attention/one.safetensors --json')
    .example('  headwise verify cases/ --filter softcap --device gpujs:cpu')
    .action((paths: readonly string[], options: Options) =>
      runVerify((paths ?? []).map(String), options, io),
    );
  cli
    .command('devices', 'List the devices, which work here, and how to get the others')
    .usage('devices [options]')
    .option('--json', 'One JSON document')
    .example('  headwise devices')
    .action((options: Options) => runDevices(options, io));
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
