export { complete, solve } from './complete.ts';
export { END, type Example, HINT, MARK, PLUS, type Program, START, type Task } from './contract.ts';
export {
  type AggregateOptions,
  above,
  below,
  equals,
  type Kind,
  looseRasp,
  type Predicate,
  type Rasp,
  RaspError,
  type Reduction,
  rasp,
  type Selector,
  type Sequence,
} from './language.ts';
export {
  at,
  countTrue,
  first,
  hasSeen,
  induct,
  mode,
  nextAbove,
  nextBelow,
  shift,
  where,
} from './library.ts';
export { type Random, randomOf } from './random.ts';
export { tasks } from './tasks.ts';
