import { appended, type FileTensor, type WeightSource } from '../weight-sources.ts';
import type { ConfigFields } from './config-fields.ts';

/** Above every mixture there is. */
const MOST_EXPERTS = 4096;

/** Experts of a layer, and those that a token goes to. */
export interface ExpertCounts {
  readonly X: number;
  readonly k: number;
  /** Whether nothing was wrong with them. */
  readonly sound: boolean;
}

/**
 * How many experts there are and how many a token goes to, with a problem where these are more. Never throws.
 *
 * @param X the name of the field and what counts where the file is silent; as `k`
 */
export function expertCounts(
  fields: ConfigFields,
  [experts, silentX]: readonly [key: string, silent?: number | undefined],
  [chosen, silentK]: readonly [key: string, silent?: number | undefined],
): ExpertCounts {
  const X = fields.count(experts, silentX, MOST_EXPERTS);
  const k = fields.count(chosen, silentK);
  const sound = fields.sound(experts, chosen);
  if (k > X && sound) fields.problems.push(`${chosen} ${k} must be at most ${experts} ${X}`);
  return { X, k, sound };
}

/** Groups that experts stand in, and those that a token may choose from. */
export interface ExpertGroups {
  readonly groups: number;
  readonly chosenGroups: number;
}

/**
 * Of `key` and `topk_group`, with a problem where the experts do not go into such groups, or too few would be left to
 * choose from. Never throws.
 *
 * @param least experts of a group
 */
export function expertGroups(
  fields: ConfigFields,
  key: string,
  { X, k, sound }: ExpertCounts,
  silent: Partial<ExpertGroups>,
  least: number,
): ExpertGroups {
  const groups = fields.count(key, silent.groups);
  const chosenGroups = fields.count('topk_group', silent.chosenGroups);
  if (groups === 1 || !sound || !fields.sound(key, 'topk_group')) return { groups, chosenGroups: 1 };
  const size = X / groups;
  if (!Number.isInteger(size) || size < least)
    fields.problems.push(`${key} ${groups} must divide the ${X} experts, at least ${least} in each`);
  else if (chosenGroups > groups || chosenGroups * size < k)
    fields.problems.push(
      `topk_group ${chosenGroups} must be at most ${key} ${groups}, and have the ${k} experts of a token`,
    );
  return { groups, chosenGroups };
}

/**
 * One projection of all experts of a layer, the experts one under the other, of a file that has them one by one.
 * Never throws.
 *
 * @param name with `+` for the number of the expert
 */
export function eachExpert(file: FileTensor, X: number, name: string): WeightSource {
  return appended(Array.from({ length: X }, (_, e) => file(name.replace('+', String(e)))));
}
