import type { StateView } from '@headwise/tensor';
import type { IndexTensor } from './checks.ts';

/** What a cache says of a view, but for the cursor. */
export type Seen = Omit<StateView, 'cursor'>;

/**
 * One getter for all views, which stands on each as a property of its own, so that a copy of a view has it too. V8 gives
 * objects whose getters are different functions classes of their own, and keeps those until a full collection.
 */
const cursor: PropertyDescriptor = {
  enumerable: true,
  configurable: true,
  get(this: View) {
    return View.cursorOf(this);
  },
};

/** A view whose cursor is made when somebody asks for it. */
export class View implements StateView {
  readonly rows: StateView['rows'];
  readonly valid: number;
  readonly offset: number;
  declare readonly cursor: IndexTensor;
  declare readonly keyPositions?: IndexTensor;
  declare readonly queryPositions?: IndexTensor;
  declare readonly keyUntil?: IndexTensor;
  declare readonly turnQueriesAt?: NonNullable<StateView['turnQueriesAt']>;
  readonly #cursorOf: (view: StateView) => IndexTensor;

  constructor(seen: Seen, cursorOf: (view: StateView) => IndexTensor) {
    this.rows = seen.rows;
    this.valid = seen.valid;
    this.offset = seen.offset;
    this.#cursorOf = cursorOf;
    Object.defineProperty(this, 'cursor', cursor);
    if (seen.keyPositions) this.keyPositions = seen.keyPositions;
    if (seen.queryPositions) this.queryPositions = seen.queryPositions;
    if (seen.keyUntil) this.keyUntil = seen.keyUntil;
    if (seen.turnQueriesAt) this.turnQueriesAt = seen.turnQueriesAt;
  }

  static cursorOf(view: View): IndexTensor {
    return view.#cursorOf(view);
  }
}
