import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createTokenizer, readJsonVocabulary, writeSafetensors } from '@headwise/models';
import { printable } from '@headwise/tensor';
import { expect, it } from 'vitest';
import golden from '../golden/little-stories.json' with { type: 'json' };
import { continuation } from './commands/generate.ts';
import { shippedModel } from './load-model.ts';
import { headwise, json, temporaryFolder } from './testing/run.ts';

const evil = '\u001b[31m\u202e\u009b2J';

/** The shipped model, whose tokenizer says something else for the second generated id. */
function poisoned(): string {
  const folder = temporaryFolder();
  cpSync(shippedModel, folder, { recursive: true });
  const path = join(folder, 'tokenizer.vocab.json');
  const vocabulary = JSON.parse(readFileSync(path, 'utf8')) as { pieces: string[] };
  vocabulary.pieces[golden.greedy[0]!.generated_ids[1]!] = evil;
  writeFileSync(path, JSON.stringify(vocabulary));
  return folder;
}

it('writes pieces that a terminal would obey as text', async () => {
  const argv = ['generate', '--model', poisoned(), '--max-tokens', '3', '--device', 'reference'];
  const { out, code } = await headwise(argv);
  expect(code).toBe(0);
  expect(out).toBe('Once\\u001b[31m\\u202e\\u009b2J a\n');
  const document = await headwise([...argv, '--json']);
  expect(document.out).toBe(printable(document.out));
  expect(JSON.parse(document.out)).toMatchObject({ text: `Once${evil} a`, generated_text: `Once${evil} a` });
});

it('gives a character that the prompt began to the text that was generated', () => {
  const bytes = Array.from({ length: 256 }, (_, i) => `<0x${i.toString(16).padStart(2, '0').toUpperCase()}>`);
  const pieces = ['<unk>', '<s>', '</s>', ...bytes, ' ok'];
  const tokenizer = createTokenizer(
    readJsonVocabulary(JSON.stringify({ pieces, scores: pieces.map(() => 0) })),
  );
  const ids = (...values: number[]): number[] => values.map((byte) => byte + 3);
  const hi = [1, ...ids(0x48, 0x69, 0x20)];
  expect(continuation(tokenizer, [...hi, ...ids(0xe2, 0x82)], [...ids(0xac), 259])).toBe('€ ok');
  expect(continuation(tokenizer, [...hi, ...ids(0xf0, 0x9f, 0x98)], [...ids(0x80), 259, 2])).toBe('😀 ok');
  expect(continuation(tokenizer, [...hi, ...ids(0xe2, 0x82)], [259])).toBe(' ok');
  expect(continuation(tokenizer, hi, [])).toBe('');
});

it('names a file in a line that no terminal obeys, and in under 8 KB', async () => {
  const folder = temporaryFolder();
  const name = `${evil}\npass  ${'é'.repeat(50_000)}`;
  const x = { dtype: 'F32', shape: [1], data: Float32Array.of(0) } as const;
  const write = (file: string, metadata: Record<string, string>): void =>
    writeFileSync(
      join(folder, `${file}.safetensors`),
      writeSafetensors(
        { 'input.x': x, 'output.y': x, [`output.${name}`]: x },
        { atol: '0', rtol: '0', ...metadata },
      ),
    );
  write('a', { op: name, case: name });
  write('b', { op: 'Swish', case: name });
  write('c', { op: 'Swish', attributes: name });
  write('d', { op: 'Swish', atol: name });
  write('e', { op: 'Swish', tolerances: JSON.stringify({ [`${name}x`]: {} }) });
  const { out, code } = await headwise(['verify', folder, '--device', 'reference']);
  expect(code).toBe(1);
  expect(out).toBe(printable(out));
  const lines = out.trimEnd().split('\n');
  expect(lines.map((line) => line.slice(0, 4))).toEqual(['skip', 'fail', 'fail', 'fail', 'fail', '0 pa']);
  for (const line of lines) expect(new TextEncoder().encode(line).length).toBeLessThan(8192);
  const document = await headwise(['verify', folder, '--device', 'reference', '--json']);
  expect(document.out).toBe(printable(document.out));
  const { cases } = JSON.parse(document.out) as { cases: { reason: string }[] };
  for (const { reason } of cases) expect(new TextEncoder().encode(reason).length).toBeLessThan(8192);
});

it('tells an error about a file in under 8 KB, also as a document', async () => {
  const folder = poisoned();
  writeFileSync(join(folder, 'config.json'), `{"model_type": ${JSON.stringify(evil + '"'.repeat(100_000))}}`);
  const { out, err, code } = await headwise([
    'generate',
    '--model',
    folder,
    '--json',
    '--device',
    'reference',
  ]);
  expect(code).toBe(1);
  for (const text of [out, err]) {
    expect(text).toBe(printable(text));
    expect(new TextEncoder().encode(text).length).toBeLessThan(8192);
  }
  const { error } = await json(['generate', '--model', folder, '--device', 'reference']);
  expect(error).toMatchObject({ kind: 'FormatError' });
  const typed = await headwise(['generate', '--device', `${evil}${'x'.repeat(100_000)}`]);
  expect(typed.err).toBe(printable(typed.err));
  expect(typed.err.length).toBeLessThan(8192);
});
