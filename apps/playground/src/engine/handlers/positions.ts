import {
  type EncodingEntry,
  encodingEntries,
  type PositionSetup,
  positionPicture,
} from '../../views/positions/model.ts';
import type { PositionPicture } from '../../views/positions/picture.ts';

declare module '../engine.ts' {
  interface Asks {
    'positions.entries': { params: undefined; result: readonly EncodingEntry[] };
    'positions.picture': { params: PositionSetup; result: PositionPicture };
  }
}

/** Encodings of the registry. */
export const entries = encodingEntries;

/** What one of them does. */
export const picture = positionPicture;
