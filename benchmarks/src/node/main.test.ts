import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { variants } from '@headwise/attention-variants/registry';
import { afterAll, describe, expect, it } from 'vitest';
import { builtInDevices } from '../engines.ts';
import { sampleResults } from '../testing/sample-results.ts';
import { virtualTime } from '../testing/virtual-time.ts';
import { parseResults } from '../validate.ts';
import { main, type Surroundings } from './main.ts';

const root = mkdtempSync(join(tmpdir(), 'bench-main-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const [first, second] = Object.keys(variants) as [string, string];
const tiny = `--suites attention --variants ${first},${second} --context 6 --heads 2 --head-width 4 --budget 3 --devices gpujs:cpu`;

/** The command on real devices, with a clock that their work moves on: the same on every machine. */
async function bench(
  line: string,
  more: Surroundings = {},
): Promise<{ status: number; out: string; err: string }> {
  const [out, err]: [string[], string[]] = [[], []];
  const time = virtualTime();
  const status = await main(
    line.split(' ').filter(Boolean),
    {
      out: { columns: 120, write: (text: string) => out.push(text) },
      err: { write: (text: string) => err.push(text) },
    },
    { clock: time.clock, deviceSource: time.source(builtInDevices), availableBytes: 2 ** 30, ...more },
  );
  return { status, out: out.join(''), err: err.join('') };
}

const save = (name: string, content: object): string => {
  const path = join(root, name);
  writeFileSync(path, JSON.stringify(content));
  return path;
};

describe('bench', () => {
  it('measures, shows a table and three findings, and says where the report is', async () => {
    const folder = join(root, 'run');
    const { status, out, err } = await bench(`${tiny} --out ${folder}`);
    expect(status).toBe(0);
    expect(out).toMatch(/^prefill on gpujs:cpu: ms per layer, ratio to MHA/); // devices were asked for: no reason for them
    expect(out).toMatch(/^1\. Memory at 6 tokens: .*\n2\. .*\n3\. /m);
    expect(out).toContain(`/run/report.html`);
    expect(err).toMatch(/checking · then 3 s of timing · .*\n.*timing · 3 s left/s);
    const results = parseResults(readFileSync(join(folder, 'results.json'), 'utf8'), 'results.json');
    expect(results.rows.every((row) => row.status === 'ok' && row.engine === 'cpu')).toBe(true);
    expect(results.machine.commit ?? '0'.repeat(40)).toHaveLength(40);
    expect(readFileSync(join(folder, 'report.html'), 'utf8')).toMatch(/^<!doctype html>/);
    expect(readdirSync(join(folder, 'charts'))).toContain('kv-bytes.svg');
  });

  it('says why it compares on other devices than a story is told on, unless they were asked for', async () => {
    const { out } = await bench(
      `${tiny.replace('--devices gpujs:cpu', '').replace('--budget 3', '--budget 1')} --out ${join(root, 'why')}`,
    );
    expect(out).toMatch(
      /^Compared on gpujs:webasm and gpujs:cpu: gpu\.js computes every variant .*--devices wasm\n/s,
    );
    expect(out).toContain('prefill on gpujs:webasm: ms per layer, ratio to MHA; E=8 H=2 D=4 layers=2');
  });

  it.each([
    ['device', /The same work on every device\n.*│ work +│ gpujs:cpu │ wasm +│.*attention, decode at/s],
    [
      'cache',
      /Caches of full layers, on gpujs:cpu\n.*│ contiguous +│.*│ anchor-evicting +│ \d+\.\d+ [mµ]s +│/s,
    ],
    ['memory', /As published: KV memory of one sequence at 16 bit\n.*│ Llama-3-8B +│ 131,072/s],
  ])('shows a table of the suite %s when it runs alone', async (suite, table) => {
    const line = `--profile ci --suites ${suite} --variants ${first},${second} --devices gpujs:cpu,wasm --budget 8`;
    const { status, out } = await bench(`${line} --out ${join(root, suite)}`);
    expect(status).toBe(0);
    expect(out).toMatch(table);
  });

  it('takes a variant from a file beside those of the registry', async () => {
    const file = join(root, 'mine.ts');
    writeFileSync(
      file,
      `import { softmaxVariant } from '@headwise/attention-variants';
export default softmaxVariant({
  name: 'mine', title: 'Mine (MY)', summary: 'For a test.',
  paper: { title: 'None', authors: 'Nobody', year: 2026 },
  defaults: { Hkv: 1 as number | undefined }, score: () => ({ causal: true }),
});`,
    );
    const { status, out } = await bench(`${tiny} --variant ${file} --out ${join(root, 'mine')}`);
    expect(status).toBe(0);
    expect(out).toMatch(/│ MY +│/);
  });

  it('reports an earlier run, and exits 1 when it is slower than another by more than the bound', async () => {
    const slow = save('slow.json', sampleResults({ seed: 1, worse: { grouped: 1.5 }, rounds: 20 }));
    const fast = save('fast.json', sampleResults({ seed: 2, rounds: 20 }));
    const out = join(root, 'compared');
    const worse = await bench(`--from ${slow} --compare ${fast} --out ${out}`);
    expect(worse.status).toBe(1);
    expect(worse.out).toMatch(/^\d+ ratios to the baseline have grown by more than 1\.2×\.$/m);
    expect(existsSync(join(out, 'charts/changes.svg'))).toBe(true);
    expect((await bench(`--from ${slow} --compare ${fast} --fail-at 2 --out ${out}`)).status).toBe(0);
    expect((await bench(`--from ${fast} --compare ${slow} --out ${out}`)).status).toBe(0);
  });

  it('writes the tables of a document anew, and only those', async () => {
    const from = save('some.json', sampleResults());
    const document = join(root, 'B.md');
    writeFileSync(document, '# Mine\n\n<!-- bench:start -->\n<!-- bench:end -->\n\nKept.\n');
    const { status } = await bench(`--from ${from} --markdown ${document} --out ${join(root, 'md')}`);
    expect(status).toBe(0);
    const text = readFileSync(document, 'utf8');
    expect(text).toMatch(/^# Mine\n/);
    expect(text).toMatch(/\n\nKept\.\n$/);
    expect(text).toContain('### decode on gpujs:webasm');
  });

  it('exits 1 when a row is wrong', async () => {
    const red = sampleResults();
    const rows = red.rows.map((row) => {
      const { summary: _, ...rest } = row;
      return row.subject === 'grouped' ? { ...rest, status: 'failed', reason: 'is wrong', samples: [] } : row;
    });
    const from = save('red.json', { ...red, rows });
    const { status, out } = await bench(`--from ${from} --out ${join(root, 'red')}`);
    expect(status).toBe(1);
    expect(out).toContain('· GRP · gpujs:webasm and 15 more rows: failed: is wrong');
  });
});

describe('answers bad input in one line, before anything is measured:', () => {
  const other = { ...sampleResults(), schema: { name: 'headwise-bench', version: 99 } };
  const cases: readonly (readonly [string, string, RegExp])[] = [
    ['an unknown variant', '--variants nope', /^bench: unknown variant "nope"; known: .*multi-query.*\n$/],
    [
      'an unknown device',
      '--devices quantum',
      /^bench: unknown device "quantum"; known: reference, gpujs:cpu, .*\n$/,
    ],
    [
      'an unwritable folder',
      '--out /dev/null/report',
      /^bench: the report folder \/dev\/null\/report cannot be written: .*Choose another with --out\n$/,
    ],
    [
      'results that are not there',
      '--compare nowhere.json',
      /^bench: nowhere\.json cannot be read: ENOENT.*\n$/,
    ],
    [
      'a variant file that is not there',
      '--variant nowhere.ts',
      /^bench: --variant nowhere\.ts: there is no file .*\n$/,
    ],
    [
      'a document that is not there',
      '--markdown nowhere.md',
      /^bench: --markdown: there is no nowhere\.md; .*\n$/,
    ],
  ];

  it.each(cases)('%s', async (_, line, message) => {
    // a clock that is read, or a device that is made, fails the test
    const untouched = (): never => {
      throw new Error('measured before it was refused');
    };
    const never: Surroundings = {
      clock: { now: untouched, stepMs: 1 },
      deviceSource: { names: builtInDevices.names, create: untouched },
    };
    const folder = line.startsWith('--out') ? '' : ` --out ${join(root, 'never')}`;
    const { status, out, err } = await bench(`${line}${folder}`, never);
    expect([status, out]).toEqual([2, '']);
    expect(err).toMatch(message);
    expect(existsSync(join(root, 'never'))).toBe(false);
  });

  it('results of another schema version', async () => {
    const path = save('other.json', other);
    const { status, err } = await bench(`--compare ${path}`);
    expect(status).toBe(2);
    expect(err).toBe(
      `bench: ${path} has schema version 99, this program reads version 2. Read it with the program that wrote it, or run the benchmark again.\n`,
    );
  });
});

describe('Ctrl-C', () => {
  const program = fileURLToPath(new URL('../testing/press-ctrl-c.ts', import.meta.url));
  const package_ = fileURLToPath(new URL('../..', import.meta.url));

  it('saves what was measured and says so', async () => {
    const folder = join(root, 'stopped');
    const line = `--suites attention --variants ${first},${second} --context 8,16 --heads 2 --head-width 4 --budget 600 --devices gpujs:cpu --out ${folder}`;
    const child = spawn(
      process.execPath,
      ['--conditions=@headwise/source', '--import', 'tsx', program, ...line.split(' ')],
      { cwd: package_ },
    );
    let [out, err] = ['', ''];
    child.stdout.on('data', (data) => {
      out += data;
    });
    child.stderr.on('data', (data) => {
      err += data;
    });
    const status = await new Promise((resolve) => child.on('close', resolve));
    expect(err).toContain(
      'Stopping after the call in hand; what was measured is saved. Ctrl-C again ends at once.',
    );
    expect(out).toContain('Interrupted: what was measured until then is saved.');
    expect(status).toBe(130);
    const results = parseResults(readFileSync(join(folder, 'results.json'), 'utf8'), 'results.json');
    expect(results.partial).toBe(true);
    expect(results.rows).toHaveLength(10);
    expect(results.rows.filter(({ status }) => status === 'not-reached').length).toBeGreaterThan(0);
  });
});
