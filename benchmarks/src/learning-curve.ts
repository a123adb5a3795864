import type { StepReport } from '@headwise/training';

/** Step, and mean loss since the point before. */
export type CurvePoint = readonly [step: number, loss: number];

/**
 * Goes through a run to its end, telling each step. Resolves to its learning curve.
 * @param points about so many
 */
export async function followed(
  run: AsyncIterable<Pick<StepReport, 'step' | 'loss'>>,
  { steps, points }: { readonly steps: number; readonly points: number },
  onStep: (done: number, label: string) => Promise<void>,
): Promise<CurvePoint[]> {
  const curve: CurvePoint[] = [];
  let [sum, since] = [0, 0];
  for await (const { step, loss } of run) {
    [sum, since] = [sum + loss, since + 1];
    if (step === steps || step % Math.ceil(steps / points) === 0) {
      curve.push([step, sum / since]);
      [sum, since] = [0, 0];
    }
    await onStep(step / steps, `step ${step} of ${steps}, loss ${loss.toFixed(3)}`);
  }
  return curve;
}
