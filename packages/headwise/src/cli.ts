#!/usr/bin/env node
import { main } from './main.ts';

const controller = new AbortController();
// once: a second Ctrl-C ends the program at once. A package manager in between passes the first on as SIGTERM
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => controller.abort(new Error('interrupted')));
// `headwise generate | head` closes our output before we are done: no error of ours
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(0);
});

process.exitCode = await main(process.argv.slice(2), {
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
  note: (text) => process.stderr.write(`headwise: ${text}\n`),
  status: (text) => {
    if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${text}`);
  },
  signal: controller.signal,
  cwd: process.cwd(),
});
