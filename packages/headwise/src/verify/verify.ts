import { type Device, DeviceError } from '@headwise/tensor';
import { compareOutputs } from './compare.ts';
import { InPart, Skip, type VerifyCase } from './contract.ts';
import { runnersFor } from './runners/index.ts';

/** How one case went. */
export interface CaseReport {
  readonly file: string;
  readonly case: string;
  readonly op: string;
  readonly status: 'pass' | 'fail' | 'skip';
  /** Why it failed or was skipped. */
  readonly reason?: string;
  /** For a case that passed in part: which outputs were not compared, and why. */
  readonly notCompared?: string;
  /** Largest |got − want| over all outputs and runners; absent where nothing was computed. */
  readonly largestError?: number;
}

/** Runs one case on a device, in every way there is, and compares. Never throws. */
export async function verifyCase(testCase: VerifyCase, device: Device): Promise<CaseReport> {
  const { file, name, op } = testCase;
  const report = { file, case: name, op };
  const runners = runnersFor(op);
  if (runners.length === 0) return { ...report, status: 'skip', reason: `no runner for the operator ${op}` };
  let largestError = 0;
  let notCompared: string | undefined;
  for (const runner of runners) {
    try {
      const result = await runner(testCase, device);
      const without = result instanceof InPart ? result.without : [];
      const got = result instanceof InPart ? result.got : result;
      if (result instanceof InPart) notCompared = `${without.join(', ')}: ${result.because}`;
      const { largest, problem } = compareOutputs(testCase, got, without);
      largestError = Math.max(largestError, largest);
      if (problem !== undefined) return { ...report, status: 'fail', reason: problem, largestError };
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      if (error instanceof Skip) return { ...report, status: 'skip', reason };
      // what a device says it does not support is out of its scope, and said; anything else is a failure
      if (DeviceError.isInstance(error) && error.message.startsWith(`${device.name}: cannot run`))
        return { ...report, status: 'skip', reason: `not supported: ${error.reasons.join('; ')}` };
      return { ...report, status: 'fail', reason };
    }
  }
  return { ...report, status: 'pass', largestError, ...(notCompared !== undefined && { notCompared }) };
}
