/** PyTorch in eager mode or JAX, in a Python process; optional peers: PYTHON, or python3, must find torch or jax. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { ADAM, batch, initial } from '../gpt.mjs';

export async function create({ threads, file: name = 'train.py' }) {
  const script = fileURLToPath(new URL(name, import.meta.url));
  const python = spawn(process.env.PYTHON ?? 'python3', [script, String(threads)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: python.stdout })[Symbol.asyncIterator]();
  const failed = new Promise((_, reject) => python.on('error', reject));
  const ask = async (question) => {
    if (question) python.stdin.write(`${JSON.stringify(question)}\n`);
    const { value, done } = await Promise.race([lines.next(), failed]);
    if (done) throw new Error('there is no Python with torch or jax: set PYTHON');
    return JSON.parse(value);
  };
  await ask();
  process.on('exit', () => python.kill());
  return {
    async training(shape) {
      const folder = mkdtempSync(join(tmpdir(), 'headwise-torch-'));
      const parameters = initial(shape);
      const file = join(folder, 'weights');
      writeFileSync(file, Buffer.concat(parameters.map(({ values }) => Buffer.from(values.buffer))));
      const { ids, targets } = batch(shape);
      await ask({
        shape,
        adam: ADAM,
        file,
        parameters: parameters.map(({ name, axes }) => [name, axes]),
        ids: [...ids],
        targets: [...targets],
      });
      rmSync(folder, { recursive: true });
      const run = async () => (await ask({ step: true })).loss;
      return { run, loss: run, cpu: async () => (await ask({ clock: true })).ms };
    },
  };
}
