import { expect, it, vi } from 'vitest';
import { headwise } from './testing/run.ts';

/** What is printed as help. */
async function help(...argv: string[]): Promise<string> {
  const info = vi.spyOn(console, 'info').mockImplementation(() => {});
  expect((await headwise(argv)).code).toBe(0);
  const text = info.mock.calls.join('\n');
  info.mockRestore();
  return text;
}

const commands = [
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

it('explains itself when nothing is asked for', async () => {
  const text = await help();
  for (const name of commands) expect(text).toContain(name);
  expect(await help('--help')).toBe(text);
});

it.each(commands)('explains %s with an example', async (name) => {
  const text = await help(name, '--help');
  expect(text).toContain(`Examples:\n  headwise ${name}`);
  expect(await help(name, '--wrong', '-h')).toBe(text);
});

it.each([
  [
    ['frob'],
    'there is no command "frob"; there are generate, embed, classify, translate, inspect, train, verify, devices, bench, introduce, new\nTry: headwise --help',
  ],
  [['generate', '--frob'], 'Unknown option `--frob`\nTry: headwise generate --help'],
  [['generate', 'a'], 'Unused args: `a`\nTry: headwise generate --help'],
  [['devices', '--device', 'wasm'], 'Unknown option `--device`\nTry: headwise devices --help'],
  [['new', 'frob', 'x'], 'there is no template "frob"; there is variant\nTry: headwise new --help'],
  [
    ['new', 'variant', 'Sparse Sink'],
    'a name is words of small letters with hyphens between (sparse-sink), got "Sparse Sink"\nTry: headwise new --help',
  ],
  [['introduce', '--json'], 'Unknown option `--json`\nTry: headwise introduce --help'],
])('refuses %j', async (argv, message) => {
  const { code, out, err } = await headwise(argv);
  expect(code).toBe(2);
  expect(err).toBe(`headwise: ${message}\n`);
  if (!argv.includes('--json')) expect(out).toBe('');
});

it('says an error as the one JSON document too', async () => {
  const { code, out, err } = await headwise(['generate', '--device', 'cuda', '--json']);
  expect(code).toBe(1);
  expect(JSON.parse(out)).toEqual({
    error: {
      kind: 'DeviceError',
      message: expect.stringMatching(/^cuda: unknown device\n {2}Known: auto, reference/),
    },
  });
  expect(err).toMatch(/^headwise: cuda: unknown device/);
});

it('takes -h for a text where a text is wanted', async () => {
  const argv = ['generate', '--prompt', '-h', '--max-tokens', '1', '--device', 'wasm'];
  expect((await headwise(argv)).out).toMatch(/^-h/);
});

it('says its version', async () => {
  expect(await help('--version')).toMatch(/^headwise\/\d+\.\d+\.\d+ /);
});

it('verifies the cases that ship, where no path is given', async () => {
  const { code, out } = await headwise(['verify', '--device', 'reference']);
  expect(out).toMatch(/^pass {2}Attention\/attention-grouped-causal .*\npass {2}MatMul\/matmul /);
  expect(out.endsWith('4 passed, 0 failed, 0 skipped\n')).toBe(true);
  expect(code).toBe(0);
});
