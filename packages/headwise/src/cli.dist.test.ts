import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { beforeAll, expect, it } from 'vitest';
import golden from '../golden/little-stories.json' with { type: 'json' };

const cli = fileURLToPath(new URL('../dist/cli.js', import.meta.url));

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Runs the built command as a program of its own. */
async function headwise(argv: readonly string[], nodeOptions: readonly string[] = []): Promise<Ended> {
  const child = spawn(process.execPath, [...nodeOptions, cli, ...argv]);
  let out = '';
  let err = '';
  child.stdout.on('data', (chunk: Buffer) => {
    out += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    err += chunk.toString();
  });
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, out, err };
}

beforeAll(() => {
  if (!existsSync(cli)) throw new Error(`${cli} is missing: build first, npm run build`);
});

it('finds its checkpoint, and writes one JSON document and nothing else', async () => {
  const want = golden.greedy[3]!;
  const { code, out, err } = await headwise(['generate', '--prompt', want.prompt, '--json']);
  expect(JSON.parse(out)).toMatchObject({ generated_ids: want.generated_ids, text: want.text });
  expect(err).toBe('');
  expect(code).toBe(0);
});

it('ends with 130 and a whole line on Ctrl-C', async () => {
  // the command presses it itself: on a busy machine it would have ended before another process could
  const presses = `
    const { stdout } = process;
    const write = stdout.write.bind(stdout);
    let length = 0;
    stdout.write = (text, ...rest) => {
      const before = length;
      length += text.length;
      if (before <= 30 && length > 30) process.kill(process.pid, 'SIGINT');
      return write(text, ...rest);
    };`;
  const preload = ['--import', `data:text/javascript,${encodeURIComponent(presses)}`];
  const { code, out } = await headwise(['generate', '--device', 'reference'], preload);
  expect(code).toBe(130);
  expect(out.endsWith('\n')).toBe(true);
  expect(golden.greedy[0]!.text.startsWith(out.trimEnd())).toBe(true);
});

it('ends quietly when nobody reads on', async () => {
  const child = spawn(process.execPath, [cli, 'generate', '--device', 'reference']);
  let err = '';
  child.stderr.on('data', (chunk: Buffer) => {
    err += chunk.toString();
  });
  await once(child.stdout, 'data');
  child.stdout.destroy();
  const [code] = (await once(child, 'close')) as [number | null];
  expect({ code, err }).toEqual({ code: 0, err: '' });
});

it('exits with 2 for a wrong command, and 1 for a failure', async () => {
  expect((await headwise(['frob'])).code).toBe(2);
  expect((await headwise(['generate', '--model', '/nowhere'])).code).toBe(1);
});
