import type { LayerShape } from '@headwise/attention-variants';
import type { ReferenceAnswers } from '../check.ts';
import type { Engine } from '../engines.ts';
import type { Profile } from '../profiles.ts';
import type { CheckReport, Row } from '../results.ts';
import type { Prepared } from '../schedule.ts';
import type { Subject } from '../subjects.ts';

/** What a suite is planned from. */
export interface PlanContext {
  readonly profile: Profile;
  readonly engines: readonly Engine[];
  readonly subjects: readonly Subject[];
  readonly answers: ReferenceAnswers;
  readonly seed: number;
}

/** A row before it is timed: what it is. */
export type RowHead = Pick<
  Row,
  | 'id'
  | 'suite'
  | 'device'
  | 'emulated'
  | 'subject'
  | 'comparison'
  | 'phase'
  | 'context'
  | 'batch'
  | 'shape'
  | 'options'
  | 'group'
> &
  Partial<Pick<Row, 'baseline' | 'control' | 'work' | 'parameters'>>;

/** What is only known once the work is set up or has run. */
export type RowFacts = Pick<Row, 'engine' | 'kv' | 'peakBytes' | 'parameters'>;

/** The check of a row before its clock starts. Rows with the same key share one check, and its verdict. */
export interface CheckPlan {
  readonly key: string;
  readonly label: string;
  readonly run: (onCase: (name: string) => Promise<void>) => Promise<CheckReport>;
}

/** One row of a plan. */
export interface RowPlan {
  readonly head: RowHead;
  readonly engine: Engine;
  readonly check?: CheckPlan | undefined;
  /** Memory that set-up, check and timing take at most, roughly; with what most of it is. */
  readonly needs: { readonly bytes: number; readonly what: string };
  readonly maxCalls?: number;
  /** Layers in a call, where the row's time is that of one. */
  readonly divideBy?: number;
  /** @param tell hands over what is known once it is set up or has run */
  readonly prepare: (tell: (facts: Partial<RowFacts>) => void) => Promise<Prepared>;
  /** Why it cannot run, known from the start. */
  readonly unsupported?: string | undefined;
}

/** Rows that take turns. */
export interface GroupPlan {
  readonly id: string;
  readonly label: string;
  readonly rows: readonly RowPlan[];
}

/** The same job once more: what the suite calls different where nothing is. Its ratio to itself must be 1. */
export function controlOf(plan: RowPlan): RowPlan {
  const { id } = plan.head;
  return { ...plan, head: { ...plan.head, id: `${id}/control`, baseline: id, control: true } };
}

/** The sizes of a shape as a plain record, for a row. */
export function sizesOf({ E, H, D, Dv, layers }: LayerShape): Record<string, number> {
  return { E, H, D, ...(Dv !== undefined && Dv !== D && { Dv }), layers };
}

/** Options without what is left to the shape: what a reader wants to know. */
export function givenOptions(options: object): Record<string, unknown> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}
