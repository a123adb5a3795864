import type { Task } from './contract.ts';
import { addition } from './tasks/addition.ts';
import { additionReversed } from './tasks/addition-reversed.ts';
import { copyRepeated } from './tasks/copy-repeated.ts';
import { copyUnique } from './tasks/copy-unique.ts';
import { count } from './tasks/count.ts';
import { mode } from './tasks/mode.ts';
import { parity } from './tasks/parity.ts';
import { parityScratchpad } from './tasks/parity-scratchpad.ts';
import { sort } from './tasks/sort.ts';

/** Every task, those of which generalisation is expected first. A new one is a file and a line. */
export const tasks: readonly Task[] = [
  count,
  mode,
  copyUnique,
  sort,
  parityScratchpad,
  additionReversed,
  copyRepeated,
  parity,
  addition,
];
