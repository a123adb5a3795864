import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
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
/** All of it but times and the machine. */
const withoutTimes = (folder: string): unknown => {
  const { startedAt: _, seconds, command, machine, ...rest } = read(folder);
  return JSON.parse(JSON.stringify(rest, (key, value) => (key === 'timing' ? undefined : value)));
};

const train = '--suites quality --profile ci --steps 4 --devices wasm';

describe('trainings', () => {
  it('of a sweep of 24: one process, and four parts that are merged, give the same results but for times', async () => {
    const sweep = train.replace('--steps 4', '--steps 2 --seeds 12');
    expect((await bench(`${sweep} --out ${at('24')}`)).status).toBe(0);
    for (const part of [1, 2, 3, 4])
      expect((await bench(`${sweep} --shard ${part}/4 --out ${at(`24-${part}`)}`)).status).toBe(0);
    expect(read(at('24-2')).quality!.cells).toHaveLength(6);
    const parts = [3, 1, 4, 2].map((part) => at(`24-${part}`));
    const merged = await bench(`merge ${parts.join(' ')} --out ${at('24-merged')}`);
    expect(merged.status).toBe(0);
    expect(merged.out).not.toMatch(/overlap|gaps|commits|machines/);
    expect(read(at('24-merged')).quality!.cells.filter(({ status }) => status === 'ok')).toHaveLength(24);
    expect(withoutTimes(at('24-merged'))).toEqual(withoutTimes(at('24')));
  });

  it('about claims are merged the same way', async () => {
    const tried = '--suites claims --profile ci --steps 2 --seeds 1 --devices wasm';
    const whole = await bench(`${tried} --out ${at('claims')}`);
    expect(whole).toMatchObject({
      status: 0,
      out: expect.stringContaining('What the papers say, tried small'),
    });
    for (const part of [1, 2])
      expect((await bench(`${tried} --shard ${part}/2 --out ${at(`claims-${part}`)}`)).status).toBe(0);
    expect((await bench(`merge ${at('claims-1')} ${at('claims-2')} --out ${at('claims-all')}`)).status).toBe(
      0,
    );
    expect(withoutTimes(at('claims-all'))).toEqual(withoutTimes(at('claims')));
    const gap = await bench(`merge ${at('claims-2')} --out ${at('claims-gap')}`);
    expect(gap.status).toBe(1);
    expect(gap.out).toContain('gaps: 7 of 14 cells are in no part: claims/mha/1, claims/mqa/1');
    // two of its contenders were trained, without the one that they are compared with
    expect(gap.out).toMatch(/│ gqa-between +│ not trained +│ no result: mha: not trained/);
    expect(gap.out).toMatch(/Of 12 claims of papers, tried small: .*not trained \(gqa-between, /);
    expect(readFileSync(join(at('claims-gap'), 'report.html'), 'utf8')).toContain('Claims of papers');

    const path = join(at('claims-1'), 'results.json');
    writeFileSync(path, readFileSync(path, 'utf8').replace('"nats"', '"gnats"'));
    expect((await bench(`merge ${at('claims-1')} --out ${at('no')}`)).err).toMatch(
      /claims\.cells\[0\]\.results\["mha"\]\.nats must be number, it is undefined/,
    );
  });

  it('that lack a part, overlap, differ or are of another sweep are told', async () => {
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
    const based = await bench(`${train} --baseline multi-query --shard 1/3 --out ${at('based')}`);
    expect(based.status).toBe(0);
    expect((await bench(`merge ${at('part2')} ${at('based')} --out ${at('no')}`)).err).toMatch(
      /based is of another sweep than .*part2: baseline multi-query, not multi-head/,
    );
    const older = { ...spoilt, machine: { ...spoilt.machine, versions: { gpu: '1.0.0' } } };
    mkdirSync(at('older'));
    writeFileSync(join(at('older'), 'results.json'), JSON.stringify(older));
    expect((await bench(`merge ${at('whole')} ${at('older')} --out ${at('no')}`)).err).toMatch(
      /older was made by another version than .*whole: \{"gpu":"1.0.0"\}/,
    );
    const commits = ['a', 'b'].map((letter) => letter.repeat(40));
    commits.forEach((commit, i) => {
      const made = read(at(`part${i + 1}`));
      mkdirSync(at(`commit${i}`));
      writeFileSync(
        join(at(`commit${i}`), 'results.json'),
        JSON.stringify({ ...made, machine: { ...made.machine, commit, uncommitted: i === 1 } }),
      );
    });
    expect(
      (await bench(`merge ${at('commit0')} ${at('commit1')} ${at('part3')} --out ${at('two')}`)).out,
    ).toMatch(/[23] commits, whose numbers may differ: a{12}, b{12} and changes/);
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
    const refused = async (line: string, words: RegExp): Promise<void> => {
      const { status, err } = await bench(`${line} --out ${folder}`);
      expect(status).toBe(2);
      expect(err).toMatch(words);
    };
    await refused(
      train.replace('--steps 4', '--steps 5'),
      /holds cells of another run \(recipe\.steps 4, here 5\): choose another folder with --out/,
    );
    await refused(
      train.replace('wasm', 'gpujs:cpu'),
      /holds cells of another run \(recipe\.device "wasm", here "gpujs:cpu"\)/,
    );
    writeFileSync(file, JSON.stringify(cell).slice(0, 40));
    await refused(train, /multi-query_2\.json is not JSON: .*Remove it, and it is made anew\n$/);
    writeFileSync(file, '{}');
    await refused(
      train,
      /multi-query_2\.json is no result of quality\/equal-parameters\/multi-query\/2\. Remove it, and it is made anew\n$/,
    );
    rmSync(file);
    expect((await bench(`${train} --out ${folder}`)).status).toBe(0);
    expect(read(folder).quality!.cells.at(-1)!.nats).toBe(cell.nats);
  });

  it('a cell that failed, whose variant was edited, or that has other widths by another baseline is done anew', async () => {
    const folder = at('stale');
    const file = at('mine.ts');
    const mine = (Hkv: number, more = ''): void =>
      writeFileSync(
        file,
        `import { softmaxVariant } from '@headwise/attention-variants';
export default softmaxVariant({
  name: 'mine', title: 'Mine (MY)', summary: 'For a test.',
  paper: { title: 'None', authors: 'Nobody', year: 2026 },
  defaults: { Hkv: ${Hkv} as number | undefined }, score: () => ({ causal: true${more} }),
});`,
      );
    const line = `${train} --seeds 1 --variants multi-query --variant ${file} --out ${folder}`;
    const run = async (more = ''): Promise<readonly QualityCell[]> => {
      await bench(`${line}${more}`);
      return read(folder).quality!.cells;
    };
    mine(1);
    const [query, first] = await run();
    // marks tell what is kept from what is done anew
    const mark = (subject: string, change: object): void => {
      const path = join(folder, 'cells', `quality_equal-parameters_${subject}_1.json`);
      writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, 'utf8')), ...change }));
    };
    mark('multi-query', { nats: 1 });
    mark('mine', { nats: 2 });
    expect((await run()).map(({ nats }) => nats)).toEqual([1, 2]);
    mine(2);
    const [kept, edited] = await run();
    expect(kept!.nats).toBe(1);
    expect(edited!.digest).not.toBe(first!.digest);
    expect(edited!.kv!.bytesAtT).toBe(2 * first!.kv!.bytesAtT);
    mark('multi-query', { status: 'failed', reason: 'out of memory' });
    expect((await run())[0]!.nats).toBe(query!.nats);
    mark('multi-query', { nats: 1 });
    const [based] = await run(' --baseline mine');
    expect(based!.nats).not.toBe(1);
    expect(based!.hidden).toBeGreaterThan(query!.hidden!);

    // scores beyond all numbers: its row says so, and the rest goes on
    mine(1, ', scale: 1e38');
    const { status, out } = await bench(line.replace(folder, at('diverges')));
    expect(status).toBe(0);
    expect(out).toMatch(/│ MY +│ diverged +│/);
    expect(out).toContain('MY trained: diverged: training: the loss of step 1 is NaN');
    const [other, diverged] = read(at('diverges')).quality!.cells;
    expect([other!.status, diverged!.status]).toEqual(['ok', 'diverged']);
    expect(diverged!.nats).toBeUndefined();
    expect(readFileSync(join(at('diverges'), 'report.html'), 'utf8')).toContain('diverged: ');
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
    // of these rows four times as long are read too
    const claims = await bench(`--suites claims --profile ci --text ${text} --out ${at('never')}`);
    expect(claims.status).toBe(2);
    expect(claims.err).toMatch(
      /^bench: the text short\.txt has 9 bytes; rows of 64 tokens need at least 1290\n$/,
    );
    expect(existsSync(at('never'))).toBe(false);
  });
});
