import { describe, expect, it } from 'vitest';
import { profiles } from '../profiles.ts';
import { readOptions } from './options.ts';

const read = (line: string) => readOptions(line.split(' ').filter(Boolean))!;

describe('readOptions', () => {
  it('takes an earlier run with what reports, compares and tabulates it', () => {
    expect(read('--from a.json --compare b.json --fail-at 2 --markdown --out there')).toMatchObject({
      from: 'a.json',
      compare: 'b.json',
      failAt: 2,
      markdown: 'BENCHMARKS.md',
      out: 'there',
    });
  });

  it('runs the quick profile when nothing is asked for', () => {
    expect(read('')).toMatchObject({
      profile: profiles.quick,
      variants: undefined,
      devices: undefined,
      out: 'bench-report',
      failAt: 1.2,
      browser: false,
      command: 'bench',
    });
  });

  it('reads lists, sizes and files', () => {
    const options = read(
      '--profile full --variants a,b --devices gpujs:cpu --context 1024,256,256 --batch 1,4 --heads 4 --head-width 16 --variant ./x.ts --variant ./y.ts --compare o.json --fail-at 1.5 --budget 2.5 --longest-call 3 --seed 7',
    );
    expect(options).toMatchObject({
      variants: ['a', 'b'],
      devices: ['gpujs:cpu'],
      files: ['./x.ts', './y.ts'],
      compare: 'o.json',
      failAt: 1.5,
      seed: 7,
    });
    expect(options.profile).toMatchObject({
      name: 'full',
      prefill: [256, 1024],
      decode: [256, 1024],
      batch: [1, 4],
      shape: { E: 64, H: 4, D: 16 },
      budgetMs: 2500,
      longestCallMs: 3000,
      contextsElsewhere: Number.POSITIVE_INFINITY,
    });
  });

  it('lets prefill and decode have contexts of their own', () => {
    const { profile } = read('--context 64 --decode 128,256');
    expect([profile.prefill, profile.decode]).toEqual([[64], [128, 256]]);
  });

  it('takes tasks, encodings, steps and seeds of algorithms to learn', () => {
    const { rasp } = read(
      '--suites rasp --tasks sort,parity --encodings t5 --steps 40 --seeds 2 --seed 5',
    ).profile;
    expect(rasp.tasks).toEqual({
      sort: { ...profiles.quick.rasp.tasks.sort, steps: 40 },
      parity: { ...profiles.quick.rasp.tasks.parity, steps: 40 },
    });
    expect([rasp.encodings, rasp.seeds, rasp.warmup]).toEqual([['t5'], [5, 6], 4]);
    expect(read('--suites rasp').profile.rasp).toEqual(profiles.quick.rasp);
  });

  it('takes --markdown with and without a file', () => {
    expect(read('--markdown').markdown).toBe('BENCHMARKS.md');
    expect(read('--markdown other.md').markdown).toBe('other.md');
  });

  it.each([
    ['--profile slow', '--profile must be one of quick, full, ci, got slow'],
    ['--context 0', '--context takes whole numbers from 1 on, got "0"'],
    ['--context 1,x', '--context takes whole numbers from 1 on, got "x"'],
    ['--batch 1.5', '--batch takes whole numbers from 1 on, got "1.5"'],
    ['--heads=-2', '--heads takes whole numbers from 1 on, got -2'],
    ['--head-width none', '--head-width takes whole numbers from 1 on, got "none"'],
    ['--compare o.json --fail-at 0.5', '--fail-at takes a number from 1 on, got 0.5'],
    ['--compare o.json --fail-at wide', '--fail-at takes a number from 1 on, got "wide"'],
    [
      '--suites attention,speed',
      '--suites takes attention, model, cache, memory, device, quality, claims, rasp, got "speed"',
    ],
    ['--suites rasp --text a.txt', '--text is about models of a text: add --suites quality or claims'],
    ['--suites quality --tasks sort', '--tasks is about algorithms to learn: add --suites rasp'],
    ['--suites rasp --tasks sorting', '--tasks takes count, mode, copy-unique'],
    ['--suites rasp --encodings compass', '--encodings takes none, learned, rotary'],
    ['--variants ,', '--variants needs at least one name'],
    ['--fail-at 1.5', '--fail-at needs --compare <results.json>: the run to compare with'],
    ['--from a.json --fail-at 1.5', '--fail-at needs --compare <results.json>: the run to compare with'],
    [
      '--from a.json --variants x',
      '--from reports a run that is over; --variants says what is to be measured. Leave out one or the other',
    ],
    [
      '--browser --seed 0 --from a.json --head-width 4 --variant ./x.ts',
      '--from reports a run that is over; --variant, --head-width, --browser, --seed say what is to be measured. Leave',
    ],
    ['--from a.json --profile quick', '--profile says what is to be measured'],
    ['--fast', 'Unknown option `--fast`; npm run bench -- --help lists the options'],
    ['quick', 'unexpected argument "quick"; npm run bench -- --help lists the options'],
    ['--out', 'option `--out <folder>` value is missing; npm run bench -- --help lists the options'],
  ])('refuses %s', (line, message) => {
    expect(() => read(line)).toThrow(message);
  });
});
