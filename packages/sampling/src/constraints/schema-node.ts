import type { NumberRange } from './json-number.ts';
import type { StringShape } from './schema-shapes.ts';
import type { TextAutomaton } from './text-automaton.ts';

/** All values that fit a set of schemas at once, as alternatives of one type each. */
export interface SchemaNode {
  readonly id: number;
  readonly path: string;
  readonly shapes: readonly Shape[];
  /** Does any finite value fit? */
  readonly inhabited: boolean;
}

export type Shape =
  | { readonly kind: 'literal'; readonly text: 'null' | 'true' | 'false' }
  | { readonly kind: 'number'; readonly range: NumberRange }
  | { readonly kind: 'string'; readonly string: StringShape }
  | ArrayShape
  | ObjectShape;

export interface ArrayShape {
  readonly kind: 'array';
  readonly prefix: readonly SchemaNode[];
  /** Of the items after the prefix; undefined if there is no room for any. */
  readonly rest: SchemaNode | undefined;
  readonly min: number;
  readonly max: number;
}

export interface ObjectShape {
  readonly kind: 'object';
  readonly members: readonly Member[];
  /** Properties that are not named: disjoint sets of names, each with what their values fit. */
  readonly others: readonly { readonly names: TextAutomaton; readonly node: SchemaNode }[];
  readonly min: number;
  readonly max: number;
  readonly path: string;
}

export interface Member {
  readonly name: string;
  readonly node: SchemaNode;
  readonly required: boolean;
  /** What `propertyNames` makes of the name: inhabited if it allows it. */
  readonly allowed: SchemaNode | undefined;
}

/** Can the shape be completed with nodes that are inhabited? */
export function isInhabited(shape: Shape): boolean {
  if (shape.kind === 'array') return shape.min <= longest(shape);
  if (shape.kind !== 'object') return true;
  const required = shape.members.filter((member) => member.required);
  if (!required.every(isUsable) || required.length > shape.max || shape.min > shape.max) return false;
  const others = shape.others.some(({ node }) => node.inhabited);
  return others || shape.min <= shape.members.filter(isUsable).length;
}

/** Can an object have the property? */
export function isUsable({ node, allowed }: Member): boolean {
  return node.inhabited && (allowed?.inhabited ?? true);
}

/** The most items a list of this shape can have. */
export function longest({ prefix, rest, max }: ArrayShape): number {
  const stop = prefix.findIndex((node) => !node.inhabited);
  if (stop >= 0) return stop;
  return rest?.inhabited ? max : prefix.length;
}
