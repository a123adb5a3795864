import type { Trace } from '../../engine/attention/trace.ts';
import type { Cell } from '../../ui/heatmap.tsx';
import type { ViewProps } from '../../view.ts';
import { readOptions } from '../option-link.ts';
import { recorded, recordedText } from './recorded.ts';
import { type StepName, steps, topKeys } from './steps.ts';

export const defaults = {
  text: recordedText,
  variant: 'grouped-query',
  options: '',
  /** Another variant beside it; none when empty. */
  compare: '',
  compareOptions: '',
  layer: recorded.layer + 1,
  /** Pinned heads, from 1. */
  heads: '1',
  step: 'weights',
  scale: 'sqrt',
  /** `row.column` of the pinned cell. */
  pin: '',
};

export type Props = ViewProps<typeof defaults>;
export type State = Props['state'];

export function readHeads(text: string): readonly number[] {
  const all = text.split(',').map((each) => Number(each) - 1);
  return [...new Set(all.filter((head) => Number.isInteger(head) && head >= 0))];
}

/** Pinned heads that this variant has; the one under the pointer where none is pinned, else the first. */
export function headsOf(
  { H }: Trace,
  pinned: readonly number[],
  preview: number | undefined,
): readonly number[] {
  const found = pinned.filter((head) => head < H).slice(0, 4);
  return found.length > 0 ? found : [Math.min(H - 1, preview ?? 0)];
}

export function pickHead(
  state: State,
  trace: Trace,
  pinned: readonly number[],
  layer: number,
  head: number,
): void {
  const heads =
    layer !== trace.layer
      ? [head]
      : pinned.includes(head)
        ? pinned.filter((each) => each !== head)
        : [...pinned, head].slice(-4);
  state.layer.value = layer + 1;
  state.heads.value = heads.map((each) => each + 1).join(',');
}

export function readPin(text: string, { pieces }: Trace): Cell | undefined {
  const [row, column] = text.split('.').map(Number);
  if (text === '' || !Number.isInteger(row) || !Number.isInteger(column)) return undefined;
  return row! >= 0 && row! < pieces.length && column! >= 0 ? { row: row!, column: column! } : undefined;
}

/** The last token and what it looks at most, the start aside: most heads rest on it. */
export function defaultCell(trace: Trace, head: number): Cell {
  const row = trace.pieces.length - 1;
  const top = topKeys(trace, head, row, 2);
  return { row, column: (top.find(({ column }) => column > 0) ?? top[0])?.column ?? 0 };
}

export function optionsOf(state: State, each: Trace, first: Trace): Record<string, unknown> {
  return readOptions(each === first ? state.options.value : state.compareOptions.value);
}

export function titleOfPanel(
  trace: Trace,
  step: StepName,
  head: number,
  name: string,
  comparing: boolean,
): string {
  const where = `Layer ${trace.layer + 1}, head ${head + 1}`;
  const what =
    step === 'weights' || step === 'mask' || step === 'scores'
      ? `${where}: ${name}`
      : `Layer ${trace.layer + 1}: ${name}`;
  return comparing ? `${trace.title}. ${what}` : what;
}

/** What the link says and this view does not know, in words. */
export function unknownOf(state: State): string[] {
  const lists: readonly (readonly [string, string, readonly string[]])[] = [
    ['step', state.step.value, steps.map(({ value }) => value)],
    ['scale', state.scale.value, ['linear', 'sqrt', 'log']],
  ];
  return lists.flatMap(([name, value, known]) =>
    known.includes(value) ? [] : [`There is no ${name} “${value}”; there are ${known.join(', ')}.`],
  );
}
