/** What a task is called and needs, for the page: its rows are made in the engine. */
export interface TaskWords {
  readonly title: string;
  /** One row in words, for people. */
  readonly example: string;
  /** What attention must do to solve it. */
  readonly needs: string;
}

/** Digits of a row, before the mark. */
export const LENGTH = 6;

/** By the name that a link says. */
export const tasks: Readonly<Record<string, TaskWords>> = {
  reversal: {
    title: 'Say it backwards',
    example: '3 1 4 1 5 9 = 9 5 1 4 1 3',
    needs:
      'To say the next digit a token looks as far before the mark as it stands behind it: a diagonal that runs the other way.',
  },
  copy: {
    title: 'Say it again',
    example: '3 1 4 1 5 9 = 3 1 4 1 5 9',
    needs: `To say the next digit a token looks ${LENGTH} tokens back: a diagonal beside the main one.`,
  },
  counting: {
    title: 'Count on',
    example: '2 5 8 1 4 7 0 …',
    needs:
      'The step is the difference of two neighbours, so a token looks at itself and at the one before it.',
  },
};
