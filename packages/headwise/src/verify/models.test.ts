import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { json, temporaryFolder } from '../testing/run.ts';
import { sharedFolder } from '../testing/shared.ts';
import type { CaseReport } from './verify.ts';

const tiny = sharedFolder('conformance/models/tiny');

const verified = async (...argv: string[]): Promise<CaseReport[]> =>
  ((await json(['verify', ...argv, '--device', 'wasm'])) as unknown as { cases: CaseReport[] }).cases;

/** A copy of a folder to damage. */
const copy = (name: string): string => {
  const folder = temporaryFolder();
  cpSync(join(tiny!, name), join(folder, name), { recursive: true });
  return join(folder, name);
};

describe.skipIf(!tiny)('a model folder', () => {
  it.each([
    ['llama-a', ['model.llama/llama-a']],
    ['distilbert-a', ['model.distilbert/distilbert-a/cls', 'model.distilbert/distilbert-a/mlm']],
    ['t5-c', ['model.t5/t5-c']],
    ['tokenizer_llama3', ['tokenizer/tokenizer_llama3']],
    ['gguf_llamaK-a', ['model.llama/gguf_llamaK-a/model-MIX.gguf']],
  ])('%s passes', async (name, want) => {
    const cases = await verified(join(tiny!, name));
    expect(cases.map(({ op, case: title }) => `${op}/${title}`)).toEqual(want);
    expect(cases.filter(({ status }) => status !== 'pass')).toEqual([]);
  });

  it('fails by the name of the output that differs', async () => {
    const folder = copy('llama-c');
    const file = join(folder, 'model.safetensors');
    const bytes = readFileSync(file);
    // the sign of a number of the last tensor
    bytes[bytes.length - 1]! ^= 0x80;
    writeFileSync(file, bytes);
    const [found] = await verified(folder);
    expect(found).toMatchObject({ status: 'fail', op: 'model.llama' });
    expect(found!.reason).toMatch(/^logits: \d+ of \d+ values differ/);
  });

  it('fails with what is wrong in a tokenizer', async () => {
    const folder = copy('tokenizer_gpt2');
    const golden = readFileSync(join(folder, 'golden.json'), 'utf8');
    writeFileSync(
      join(folder, 'golden.json'),
      golden.replace('"The old lamp burned', '"the old lamp burned'),
    );
    const [found] = await verified(folder);
    expect(found).toMatchObject({ status: 'fail', op: 'tokenizer' });
    expect(found!.reason).toMatch(/^ids of "the old lamp burned all night\.": \[/);
  });

  it('fails with what is wrong in its files', async () => {
    const folder = copy('llama-c');
    writeFileSync(join(folder, 'config.json'), '{"model_type": "mine"}');
    const [found] = await verified(folder);
    expect(found).toMatchObject({ status: 'fail' });
    expect(found!.reason).toContain('model_type "mine" is not known');
  });

  it('is one of many in a folder, and chosen by its name or its family', async () => {
    const folder = temporaryFolder();
    for (const name of ['llama-c', 'tokenizer_gpt2', 'bert-a'])
      cpSync(join(tiny!, name), join(folder, 'deep', name), { recursive: true });
    expect((await verified(folder)).map(({ case: title }) => title)).toEqual([
      'bert-a/cls',
      'bert-a/mlm',
      'llama-c',
      'tokenizer_gpt2',
    ]);
    const names = async (filter: string): Promise<string[]> =>
      (await verified(folder, '--filter', filter)).map(({ case: title }) => title);
    expect(await names('model.bert')).toEqual(['bert-a/cls', 'bert-a/mlm']);
    expect(await names('tokenizer')).toEqual(['tokenizer_gpt2']);
  });
});
