import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { variants } from '@headwise/attention-variants/registry';
import { caches } from '@headwise/kv-cache/registry';
import type { Clock } from '../clock.ts';
import { type Comparison, compareResults } from '../compare.ts';
import { builtInDevices, checkDeviceNames, type DeviceSource } from '../engines.ts';
import { messageOf, UsageError } from '../errors.ts';
import { findingsNote, findingsOf } from '../findings.ts';
import { claimsRecipe, runClaims } from '../quality/claims/run.ts';
import { untimedResults, withTrainings } from '../quality/results.ts';
import { type QualityOptions, qualityRecipe, qualitySubjects, runQuality } from '../quality/run.ts';
import { runRasp } from '../rasp/run.ts';
import { replaceMarked, resultsMarkdown } from '../report/markdown.ts';
import { reportFiles } from '../report/report.ts';
import type { Results } from '../results.ts';
import { runBenchmark } from '../run.ts';
import { chooseSubjects, type OutsideVariant } from '../subjects.ts';
import { shardFromEnvironment } from '../sweep.ts';
import { parseResults, ResultsError } from '../validate.ts';
import { runInBrowser } from './browser.ts';
import { folderStore } from './cell-store.ts';
import { prepareFolder, writeFiles } from './folder.ts';
import { onInterrupt } from './interrupt.ts';
import { availableBytes, machineFacts } from './machine.ts';
import { mergeMain } from './merge.ts';
import { CALLED, type CliOptions, readOptions, TRAINS } from './options.ts';
import { loadVariants } from './outside.ts';
import { createProgress } from './progress.ts';
import type { Streams } from './streams.ts';
import { changesTable, terminalTables } from './terminal.ts';

/** What a run takes from the machine around it; tests bring what is the same everywhere. */
export interface Surroundings {
  readonly clock?: Clock;
  readonly deviceSource?: DeviceSource;
  readonly availableBytes?: number;
  /** What the command is called, where help is shown. */
  readonly called?: string;
}

const DEVICES = ['gpujs:webasm', 'gpujs:cpu'] as const;
/** What runs anywhere. */
const WITHOUT_GPUJS = ['wasm'] as const;
/** `npm start` has just told a story on another device. */
const WHY_THESE = `Compared on ${DEVICES.join(' and ')}: gpu.js computes every variant by kernels made in one way, so a ratio is the
variant's doing. \`npm start\` tells its story on wasm where it can: the fastest device, by kernels written by hand for the
common forms of attention. The same comparison on it: --devices wasm`;
const WHY_WASM = `Compared on wasm, because gpu.js is not installed here. Its kernels for the common forms of attention are written by hand, so a
ratio is the kernels' doing as well as the variant's. On gpu.js, which computes every variant by kernels made in one way:
npm i --ignore-scripts gpu.js`;
const BROWSER_DEVICES = ['gpujs:webgpu', 'gpujs:webgl2', 'gpujs:webasm'] as const;

/**
 * The command, whole. Bad input is answered in one line, not with a stack.
 *
 * @returns the exit status: 0, 1 for a regression beyond `--fail-at` or a failed row, 2 for bad input, 130 after Ctrl-C.
 */
export async function main(
  argv: readonly string[],
  streams: Streams,
  surroundings: Surroundings = {},
): Promise<number> {
  const { called = CALLED } = surroundings;
  try {
    const words = argv.filter((word) => word !== '--');
    if (words[0] === 'merge') return mergeMain(words.slice(1), streams, called);
    const options = readOptions(argv, called);
    return options ? await perform(options, streams, surroundings) : 0;
  } catch (error) {
    if (!(error instanceof UsageError || error instanceof ResultsError)) throw error;
    streams.err.write(`bench: ${error.message}\n`);
    return 2;
  }
}

async function perform(options: CliOptions, streams: Streams, surroundings: Surroundings): Promise<number> {
  // everything that can be wrong with the call is found before the first minute of measuring
  const other = options.compare === undefined ? undefined : readResults(options.compare);
  const document = options.markdown === undefined ? undefined : readDocument(options.markdown);
  const earlier = options.from === undefined ? undefined : readResults(options.from);
  const outside = earlier ? [] : (await Promise.all(options.files.map(loadVariants))).flat();
  if (!earlier) {
    checkDeviceNames(options.devices ?? [], (surroundings.deviceSource ?? builtInDevices).names);
    chooseSubjects(variants, { names: options.variants, outside, baseline: options.baseline });
  }
  const training = earlier || !trains(options) ? undefined : prepareTraining(options, outside, streams);
  const folder = prepareFolder(options.out);
  const timed = options.devices ?? (earlier ? DEVICES : await devicesHere(surroundings.deviceSource));
  const results = earlier ?? (await measure(options, timed, outside, training, streams, surroundings));
  const comparison = other && compareResults(results, other, options.failAt);
  writeFiles(folder, reportFiles(results, comparison));
  const width = streams.out.columns ?? 120;
  const say = (text: string): void => void streams.out.write(`${text}\n`);
  if (!earlier && !options.devices && !options.browser && results.rows.length > 0)
    say(`${timed === DEVICES ? WHY_THESE : WHY_WASM}\n`);
  say(terminalTables(results, width));
  if (comparison) say(`\n${changesTable(results, comparison, width)}`);
  if (document !== undefined) {
    writeFileSync(options.markdown!, replaceMarked(document, resultsMarkdown(results), options.markdown!));
    say(`\nTables of ${options.markdown} written anew.`);
  }
  say(`\n${closing(results, folder)}`);
  return exitStatus(results, comparison, options, say);
}

function closing(results: Results, folder: string): string {
  const three = findingsOf(results).slice(0, 3);
  const report = pathToFileURL(join(folder, 'report.html')).href;
  return [
    ...(results.partial ? ['Interrupted: what was measured until then is saved.', ''] : []),
    ...three.map((finding, i) => `${i + 1}. ${finding}`),
    ...(three.length > 0 && results.rows.length > 0 ? [findingsNote(results)] : []),
    '',
    `Report:  ${report}`,
    `Samples: ${join(folder, 'results.json')}`,
  ].join('\n');
}

function exitStatus(
  results: Results,
  comparison: Comparison | undefined,
  { failAt }: CliOptions,
  say: (text: string) => void,
): number {
  if (results.partial) return 130;
  const regressions = comparison?.changes.filter(({ fails }) => fails) ?? [];
  if (regressions.length > 0) {
    const [ratios, have] = regressions.length === 1 ? ['ratio', 'has'] : ['ratios', 'have'];
    say(`\n${regressions.length} ${ratios} to the baseline ${have} grown by more than ${failAt}×.`);
    return 1;
  }
  const tried = (results.claims?.cells ?? []).flatMap((cell) => Object.values(cell.results));
  const all: readonly { readonly status: string }[] = [
    ...results.rows,
    ...(results.quality?.cells ?? []),
    ...tried,
    ...(results.rasp?.cells ?? []),
  ];
  return all.some(({ status }) => status === 'failed') ? 1 : 0;
}

/** The devices of a run that asks for none: those of gpu.js, where it is installed. */
async function devicesHere(source: DeviceSource = builtInDevices): Promise<readonly string[]> {
  for (const name of DEVICES) {
    const device = await source.create(name).catch(() => undefined);
    device?.dispose();
    if (device) return DEVICES;
  }
  return WITHOUT_GPUJS;
}

async function measure(
  options: CliOptions,
  timedOn: readonly string[],
  outside: readonly OutsideVariant[],
  training: Training | undefined,
  streams: Streams,
  surroundings: Surroundings,
): Promise<Results> {
  const progress = createProgress(streams.err);
  const interrupt = onInterrupt(() => {
    progress.end();
    streams.err.write(
      'Stopping after the call in hand; what was measured is saved. Ctrl-C again ends at once.\n',
    );
  });
  const shared = {
    profile: options.profile,
    names: options.variants,
    baseline: options.baseline,
    seed: options.seed,
    command: options.command,
    signal: interrupt.signal,
    onProgress: (state: Parameters<typeof progress.show>[0]) => progress.show(state),
  };
  try {
    if (options.browser) {
      return await runInBrowser({
        ...shared,
        files: options.files,
        devices: options.devices ?? BROWSER_DEVICES,
        machine: machineFacts(),
      });
    }
    const local = { ...shared, outside, registry: variants, machine: machineFacts(), ...surroundings };
    const timed = options.profile.suites.filter((suite) => !TRAINS.has(suite));
    const results =
      timed.length === 0
        ? untimedResults(local)
        : await runBenchmark({
            ...local,
            profile: { ...options.profile, suites: timed },
            caches: Object.values(caches),
            devices: timedOn,
            availableBytes: surroundings.availableBytes ?? availableBytes(),
          });
    if (!training || interrupt.signal.aborted) return results;
    return await trained(results, local, options, training, interrupt.signal);
  } finally {
    interrupt.release();
    progress.end();
  }
}

const trains = ({ profile: { suites } }: CliOptions): boolean => suites.some((suite) => TRAINS.has(suite));

/** What a training needs, looked at before the first minute of measuring. */
type Training = Pick<QualityOptions, 'text' | 'shard'>;

function prepareTraining(
  options: CliOptions,
  outside: readonly OutsideVariant[],
  streams: Streams,
): Training {
  const text = options.text === undefined ? undefined : readText(options.text);
  const { suites, quality, claims } = options.profile;
  if (suites.includes('claims')) claimsRecipe({ profile: claims, text });
  if (suites.includes('quality')) qualityRecipe({ profile: quality, text });
  qualitySubjects({
    profile: options.profile.quality,
    registry: variants,
    names: options.variants,
    outside,
    baseline: options.baseline,
  });
  const told = options.shard ? undefined : shardFromEnvironment(process.env);
  if (told) streams.err.write(`part ${told.index} of ${told.count}, as ${told.from} says\n`);
  return { text, shard: options.shard ?? told };
}

/** The results with what was trained in them. */
async function trained(
  results: Results,
  local: Pick<
    QualityOptions,
    'registry' | 'names' | 'outside' | 'baseline' | 'onProgress' | 'clock' | 'deviceSource'
  > & {
    readonly machine: ReturnType<typeof machineFacts>;
  },
  { profile, devices, comparisons, out }: CliOptions,
  training: Training,
  signal: AbortSignal,
): Promise<Results> {
  const { cpu, cores, runtime } = local.machine;
  const machine = `${cpu}, ${cores} cores, ${runtime}`;
  const shared = { ...local, ...training, signal, device: devices?.[0], machine };
  const { suites } = profile;
  const quality = suites.includes('quality')
    ? await runQuality({
        ...shared,
        profile: profile.quality,
        comparisons,
        store: (recipe) => folderStore(out, 'cells', recipe),
      })
    : undefined;
  const claims =
    suites.includes('claims') && !signal.aborted
      ? await runClaims({
          ...shared,
          profile: profile.claims,
          store: (recipe) => folderStore(out, 'claims', recipe),
        })
      : undefined;
  const rasp =
    suites.includes('rasp') && !signal.aborted
      ? await runRasp({
          ...shared,
          profile: profile.rasp,
          store: (recipe) => folderStore(out, 'rasp', recipe),
        })
      : undefined;
  return withTrainings(results, { quality, claims, rasp }, signal.aborted);
}

function readText(path: string): { readonly name: string; readonly bytes: Uint8Array } {
  try {
    return { name: basename(path), bytes: new Uint8Array(readFileSync(path)) };
  } catch (error) {
    throw new UsageError(`--text ${path} cannot be read: ${messageOf(error)}`);
  }
}

function readResults(path: string): Results {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new UsageError(`${path} cannot be read: ${messageOf(error)}`);
  }
  return parseResults(text, path);
}

function readDocument(path: string): string {
  if (!existsSync(path))
    throw new UsageError(`--markdown: there is no ${path}; it needs the marks that the tables go between`);
  const text = readFileSync(path, 'utf8');
  try {
    replaceMarked(text, '', path);
  } catch (error) {
    throw new UsageError(messageOf(error));
  }
  return text;
}
