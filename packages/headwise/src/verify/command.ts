import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative, resolve, sep } from 'node:path';
import { type Device, oneLine } from '@headwise/tensor';
import { isOn, type Options, text } from '../arguments.ts';
import { openDevice } from '../devices.ts';
import { UsageError } from '../errors.ts';
import { exitCodes, type Io } from '../io.ts';
import { jsonLine, shownMessage } from '../output.ts';
import { shippedCases } from '../shipped.ts';
import { NoCase, readCase } from './case.ts';
import type { VerifyCase } from './contract.ts';
import { isModelFolder, verifyModelFolder } from './models.ts';
import { type CaseReport, verifyCase } from './verify.ts';

/** `headwise verify`: runs conformance cases on a device, those that ship where no path is given; exit code 1 when one fails, or none ran. */
export async function runVerify(paths: readonly string[], options: Options, io: Io): Promise<number> {
  const files = filesOf(paths.length > 0 ? paths : [shippedCases], io.cwd);
  const filter = text(options, 'filter')?.toLowerCase();
  const json = isOn(options, 'json');
  const device = await openDevice(text(options, 'device') ?? 'auto', io.note);
  const reports: CaseReport[] = [];
  try {
    for (const file of files) {
      if (io.signal.aborted) break;
      for await (const report of reportsOf(file, device, filter, io)) {
        reports.push(report);
        if (!json) io.out(`${line(report)}\n`);
      }
    }
    if (reports.length === 0 && !io.signal.aborted)
      throw new UsageError(`no case of ${files.length} files matches --filter ${filter}`);
    const count = (status: CaseReport['status']): number =>
      reports.filter((report) => report.status === status).length;
    const [passed, failed, skipped] = [count('pass'), count('fail'), count('skip')];
    if (json)
      io.out(jsonLine({ device: device.name, engine: device.ran, passed, failed, skipped, cases: reports }));
    else {
      const inPart = reports.filter(({ notCompared }) => notCompared !== undefined).length;
      if (inPart > 0)
        io.out(`${inPart} of the passed cases were compared in part; their lines say which part\n`);
      io.out(`${passed} passed, ${failed} failed, ${skipped} skipped\n`);
    }
    if (io.signal.aborted) return exitCodes.interrupted;
    // skipping shows nothing, so a run that only skipped has not passed
    if (passed + failed === 0) io.note('no case ran: all were skipped');
    return failed > 0 || passed === 0 ? exitCodes.failed : exitCodes.ok;
  } finally {
    device.dispose();
  }
}

/** A folder stands for the `.safetensors` files and the folders of models in it, at any depth. */
function filesOf(paths: readonly string[], cwd: string): string[] {
  return paths.flatMap((given) => {
    const path = resolve(cwd, given);
    if (!existsSync(path)) throw new UsageError(`there is no file or folder ${given}`);
    if (!statSync(path).isDirectory()) return [path];
    if (isModelFolder(path)) return [path];
    const names = readdirSync(path, { recursive: true, encoding: 'utf8' }).sort();
    const models = names.map((name) => join(path, name)).filter(isModelFolder);
    const inside = names
      .filter((name) => name.endsWith('.safetensors'))
      .map((name) => join(path, name))
      .filter((file) => !models.some((model) => file.startsWith(`${model}${sep}`)));
    if (inside.length + models.length === 0)
      throw new UsageError(`there is no .safetensors file in ${given}, and no model with a golden.json`);
    return [...inside, ...models];
  });
}

async function* reportsOf(
  path: string,
  device: Device,
  filter: string | undefined,
  { cwd, signal }: Io,
): AsyncGenerator<CaseReport> {
  if (isModelFolder(path)) {
    yield* verifyModelFolder(path, relative(cwd, path) || '.', device, { filter, signal });
    return;
  }
  const report = await runFile(path, device, filter, cwd);
  if (report) yield report;
}

async function runFile(
  path: string,
  device: Device,
  filter: string | undefined,
  cwd: string,
): Promise<CaseReport | undefined> {
  const file = relative(cwd, path);
  let testCase: VerifyCase;
  try {
    testCase = readCase(file, new Uint8Array(readFileSync(path)));
  } catch (error) {
    if (filter !== undefined && !file.toLowerCase().includes(filter)) return undefined;
    const status = error instanceof NoCase ? 'skip' : 'fail';
    return { file, case: file, op: '?', status, reason: shownMessage((error as Error).message) };
  }
  return matches(testCase, filter) ? verifyCase(testCase, device) : undefined;
}

/** The filter is a part of the operator, the name or a feature, whatever the case of its letters. */
function matches({ op, name, features }: VerifyCase, filter: string | undefined): boolean {
  if (filter === undefined) return true;
  return [op, name, `${op}/${name}`, ...features].some((word) => String(word).toLowerCase().includes(filter));
}

function line({ status, op, case: name, reason, notCompared, largestError }: CaseReport): string {
  const error = largestError === undefined ? '' : `  largest error ${toShort(largestError)}`;
  const why = reason === undefined ? '' : `  ${reason.replaceAll('\n', '\n      ')}`;
  const part = notCompared === undefined ? '' : `  (not compared: ${notCompared})`;
  return `${status}  ${oneLine(`${op}/${name}`)}${error}${part}${why}`;
}

function toShort(error: number): string {
  return error === 0 || !Number.isFinite(error) ? String(error) : error.toExponential(1);
}
