import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { builtInDevices } from '../engines.ts';
import type { QualityCell } from '../quality/contract.ts';
import type { Results } from '../results.ts';
import { virtualTime } from '../testing/virtual-time.ts';
import { parseResults } from '../validate.ts';
import { main } from './main.ts';

const root = mkdtempSync(join(tmpdir(), 'bench-sweep-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const at = (name: string): string => join(root, name);

async function bench(line: string): Promise<{ status: number; out: string; err: string }> {
  const [out, err]: [string[], string[]] = [[], []];
  const time = virtualTime();
  const status = await main(
    line.split(' '),
    {
      out: { columns: 160, write: (text: string) => out.push(text) },
      err: { write: (text: string) => err.push(text) },
    },
    { clock: time.clock, deviceSource: time.source(builtInDevices), availableBytes: 2 ** 30 },
  );
  return { status, out: out.join(''), err: err.join('') };
}

const read = (folder: string): Results =>
  parseResults(readFileSync(join(folder, 'results.json'), 'utf8'), folder);
const withoutTimes = ({ quality }: Results): unknown => ({
  ...quality,
  cells: quality!.cells.map(({ timing: _, ...cell }) => cell),
});

const train = '--suites quality --profile ci --steps 4 --devices wasm';

describe('trainings', () => {
  it('one process, and parts that are merged, give the same results but for times', async () => {
    const whole = await bench(`${train} --out ${at('whole')}`);
    expect(whole).toMatchObject({
      status: 0,
      err: expect.stringMatching(/training .* 1 of 4: quality\/equal-parameters\/multi-head\/1/),
    });
    expect(whole.out).toMatch(/At equal parameters\n.*│ MQA +│ [\d.]+ \[.*not told apart/s);
    for (const part of [1, 2, 3])
      expect((await bench(`${train} --shard ${part}/3 --out ${at(`part${part}`)}`)).status).toBe(0);
    const merged = await bench(
      `merge ${[2, 3, 1].map((part) => at(`part${part}`)).join(' ')} --out ${at('merged')}`,
    );
    expect(merged.status).toBe(0);
    expect(withoutTimes(read(at('merged')))).toEqual(withoutTimes(read(at('whole'))));
    expect(readdirSync(join(at('merged'), 'charts'))).toContain('quality-equal-parameters.svg');
    expect(readFileSync(join(at('merged'), 'report.html'), 'utf8')).toContain(
      'Quality: the same decoder trained',
    );

    const gap = await bench(`merge ${at('part1')} ${at('part3')} --out ${at('gap')}`);
    expect(gap.status).toBe(1);
    expect(gap.out).toContain('gaps: 1 of 4 cells are in no part: quality/equal-parameters/multi-query/1');
    const overlap = await bench(`merge ${at('part1')} ${at('whole')} --out ${at('overlap')}`);
    expect(overlap.status).toBe(0);
    expect(overlap.out).toContain('overlap: 2 of 4 cells are in more than one part, and agree');

    const spoilt = read(at('part2'));
    const cells = spoilt.quality!.cells.map((cell): QualityCell => ({ ...cell, nats: cell.nats! + 1 }));
    mkdirSync(at('spoilt'));
    writeFileSync(
      join(at('spoilt'), 'results.json'),
      JSON.stringify({ ...spoilt, quality: { ...spoilt.quality, cells } }),
    );
    expect((await bench(`merge ${at('whole')} ${at('spoilt')} --out ${at('no')}`)).err).toMatch(
      /^bench: quality\/equal-parameters\/multi-query\/1 came to [\d.]+ nats in .*whole and to [\d.]+ nats in .*spoilt; the same recipe gives the same numbers/,
    );
    const other = await bench(`${train} --seeds 1 --out ${at('other')}`);
    expect(other.status).toBe(0);
    expect((await bench(`merge ${at('whole')} ${at('other')} --out ${at('no')}`)).err).toMatch(
      /other is of another sweep than .*whole: seeds \[1\], not \[1,2\]/,
    );
  });

  it('algorithms to learn are parts of a sweep too', async () => {
    const learn = '--suites rasp --profile ci --seeds 1 --devices wasm';
    const whole = await bench(`${learn} --out ${at('rasp')}`);
    expect(whole).toMatchObject({ status: 0, err: expect.stringContaining('1 of 4: rasp/sort/none/1') });
    expect(whole.out).toMatch(
      /Which follow the conjecture.*Sort: > 7 2 5 \| 2 5 7 \..*Right answers by length/s,
    );
    for (const part of [1, 2])
      expect((await bench(`${learn} --shard ${part}/2 --out ${at(`rasp${part}`)}`)).status).toBe(0);
    const merged = await bench(`merge ${at('rasp2')} ${at('rasp1')} --out ${at('rasp-merged')}`);
    expect(merged.status).toBe(0);
    const withoutTimings = ({ rasp }: Results): unknown => ({
      ...rasp,
      cells: rasp!.cells.map(({ timing: _, ...cell }) => cell),
    });
    expect(withoutTimings(read(at('rasp-merged')))).toEqual(withoutTimings(read(at('rasp'))));
    expect(readdirSync(join(at('rasp-merged'), 'charts'))).toEqual(['rasp.svg']);
    const spoilt = read(at('rasp2'));
    const cells = spoilt.rasp!.cells.map((cell) => ({ ...cell, right: { 4: 0.123 } }));
    mkdirSync(at('rasp-spoilt'));
    writeFileSync(
      join(at('rasp-spoilt'), 'results.json'),
      JSON.stringify({ ...spoilt, rasp: { ...spoilt.rasp, cells } }),
    );
    expect((await bench(`merge ${at('rasp')} ${at('rasp-spoilt')} --out ${at('no')}`)).err).toMatch(
      /came to [^ ]*"4":[^ ]* right in .* and to \{"4":0\.123\} right in .*; the same recipe/,
    );
    expect((await bench(`${learn} --steps 9 --out ${at('rasp')}`)).err).toMatch(
      /holds cells of another run \(recipe\.warmup 2, here 1\)/,
    );
  });

  it('a folder that holds cells goes on with them, and refuses those of another recipe', async () => {
    const folder = at('again');
    expect((await bench(`${train} --out ${folder}`)).status).toBe(0);
    const file = join(folder, 'cells', 'quality_equal-parameters_multi-query_2.json');
    const cell = JSON.parse(readFileSync(file, 'utf8')) as QualityCell;
    writeFileSync(file, JSON.stringify({ ...cell, nats: 1.25 }));
    expect((await bench(`${train} --out ${folder}`)).status).toBe(0);
    expect(read(folder).quality!.cells.at(-1)!.nats).toBe(1.25);
    const { status, err } = await bench(`${train.replace('--steps 4', '--steps 5')} --out ${folder}`);
    expect(status).toBe(2);
    expect(err).toMatch(
      /holds cells of another run \(recipe\.steps 4, here 5\): choose another folder with --out/,
    );
  });

  it('learns: a text of one letter after another is predicted, and one that a variant cannot be trained on is said', async () => {
    const text = at('letters.txt');
    writeFileSync(text, 'abcdefgh'.repeat(500));
    const line = `--suites quality --profile ci --steps 60 --seeds 1 --devices wasm --text ${text}`;
    const { status, out } = await bench(
      `${line} --variants multi-head,cross-attention --out ${at('letters')}`,
    );
    expect(status).toBe(0);
    const { recipe, cells } = read(at('letters')).quality!;
    expect(recipe.text).toMatchObject({ name: 'letters.txt', bytes: 4000, V: 8 });
    const [first, second] = cells;
    expect(first!.curve!.at(-1)![1]).toBeLessThan(first!.curve![0]![1] / 2);
    expect(first!.nats).toBeLessThan(Math.log(8) / 2);
    expect(second).toMatchObject({
      status: 'unsupported',
      reason: expect.stringContaining('reads keys and values from a source'),
    });
    expect(out).toContain('unsupported: reads keys and values from a source');
  });

  it.each([
    ['--suites quality --text nowhere.txt', /^bench: --text nowhere\.txt cannot be read: ENOENT/],
    ['--steps 5', /^bench: --steps is about trainings: add --suites quality, claims or rasp\n$/],
    ['--suites quality --shard 5/4', /^bench: --shard takes a part of the cells, 1\/4 … 4\/4, got "5\/4"\n$/],
    ['--suites quality --browser', /^bench: --browser does not train/],
    ['merge', /^bench: bench merge needs the folders of the parts/],
    ['merge nowhere', /^bench: nowhere\/results\.json cannot be read: ENOENT.*; has that part ended\?\n$/],
    ['merge --fast x', /^bench: unknown option --fast; bench merge takes folders and --out\n$/],
  ])('%s is answered in one line', async (line, message) => {
    const { status, out, err } = await bench(
      line.startsWith('merge') ? line : `${line} --out ${at('never')}`,
    );
    expect([status, out]).toEqual([2, '']);
    expect(err).toMatch(message);
  });

  it('a text that is shorter than a few rows is refused before anything is trained', async () => {
    const text = at('short.txt');
    writeFileSync(text, 'too short');
    const { status, err } = await bench(`--suites quality --profile ci --text ${text} --out ${at('never')}`);
    expect(status).toBe(2);
    expect(err).toMatch(/^bench: the text short\.txt has 9 bytes; rows of 32 tokens need at least 650\n$/);
  });
});
