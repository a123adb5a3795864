import { type Device, DeviceError, oneLine } from '@headwise/tensor';
import { shownMessage } from '../output.ts';
import { compareOutputs } from './compare.ts';
import { type Runner, Skip, type VerifyCase } from './contract.ts';
import { runnersFor } from './runners/index.ts';

/** How one case went. */
export interface CaseReport {
  readonly file: string;
  readonly case: string;
  readonly op: string;
  readonly status: 'pass' | 'fail' | 'skip';
  /** Why it failed or was skipped. */
  readonly reason?: string;
  /** For a case that passed in part: which ways of computing it skipped, and why. */
  readonly notCompared?: string;
  /** Largest |got − want| over all outputs and runners; absent where nothing was computed. */
  readonly largestError?: number;
}

/**
 * Runs one case on a device, in every way there is, and compares. It passes where every way that computes it is right,
 * fails where one is not, and is skipped where all ways are. Never throws.
 * @param runners The ways; without them all that `runnersFor` finds for the operator.
 */
export async function verifyCase(
  testCase: VerifyCase,
  device: Device,
  runners: readonly Runner[] = runnersFor(testCase.op),
): Promise<CaseReport> {
  const { file, name, op } = testCase;
  const report = { file, case: name, op };
  if (runners.length === 0)
    return { ...report, status: 'skip', reason: oneLine(`no runner for the operator ${op}`) };
  const ways: Way[] = [];
  for (const runner of runners) {
    const way = await runOne(runner, testCase, device);
    ways.push(way);
    if (way.status === 'fail') break;
  }
  const computed = ways.flatMap(({ largest }) => largest ?? []);
  const largestError = computed.length > 0 ? { largestError: Math.max(...computed) } : {};
  const last = ways.at(-1)!;
  if (last.status === 'fail') return { ...report, status: 'fail', reason: last.reason!, ...largestError };
  const skipped = ways.filter(({ status }) => status === 'skip');
  if (skipped.length === ways.length) return { ...report, status: 'skip', reason: skipped[0]!.reason! };
  const left = skipped.map(({ reason }) => `one of ${ways.length} ways to compute it: ${reason}`);
  return {
    ...report,
    status: 'pass',
    ...largestError,
    ...(left.length > 0 && { notCompared: oneLine([...new Set(left)].join('; ')) }),
  };
}

/** How one way of computing a case went. */
interface Way {
  readonly status: CaseReport['status'];
  readonly reason?: string;
  readonly largest?: number;
}

async function runOne(runner: Runner, testCase: VerifyCase, device: Device): Promise<Way> {
  try {
    const { largest, problem } = compareOutputs(testCase, await runner(testCase, device));
    if (problem !== undefined) return { status: 'fail', reason: oneLine(problem), largest };
    return { status: 'pass', largest };
  } catch (error) {
    const reason = shownMessage(error instanceof Error ? error.message : String(error));
    if (error instanceof Skip) return { status: 'skip', reason: oneLine(error.message) };
    // what a device says it does not support is out of its scope, and said; anything else is a failure
    if (DeviceError.isInstance(error) && error.message.startsWith(`${device.name}: cannot run`))
      return { status: 'skip', reason: oneLine(`not supported: ${error.reasons.join('; ')}`) };
    return { status: 'fail', reason };
  }
}
