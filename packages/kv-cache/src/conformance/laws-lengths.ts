import { allowed, capacityOf, fill, type Law, must, refused } from './law.ts';
import { createTwin, padded, type Twin } from './twin.ts';

/** What holds where sequences are of different lengths: each is as if it were alone. */
export const ofDifferentLengths = {
  'sequences of different lengths equal each alone': async (subject, device) => {
    const twin = createTwin(subject, device, 3);
    await twin.append(padded([3, 1, 2], 'right'));
    await twin.append(padded([1, 0, 1], 'right'));
    await twin.append(1);
    await twin.append(padded([0, 4, 2], 'left'));
    await twin.append([
      [true, false, true],
      [false, true, false],
      [false, false, false],
    ]);
    await twin.append(padded([0, 0, 0], 'right'));
    await twin.append(padded([1, 5, 3], 'left'));
    for (let step = 0; step < 3; step++) await twin.append(1);
    if (subject.endless) {
      await twin.append(padded([capacityOf(subject) + 3, 1, 4], 'right'));
      await twin.append(1);
      await twin.append(padded([1, 0, capacityOf(subject) * 2], 'left'));
      for (let step = 0; step < 2 * capacityOf(subject); step++) await twin.append(1);
    }
  },

  'padding on the left and on the right leaves no trace': async (subject, device) => {
    for (const side of ['left', 'right'] as const) {
      const twin = createTwin(subject, device, 3);
      await twin.append(padded([4, 0, 7], side));
      await twin.append(padded([1, 1, 0], side));
      await twin.append(padded([2, 7, 1], side));
      await twin.append(1);
      twin.cache.dispose();
      const one = createTwin(subject, device, 1);
      const column = [false, true, true, false, true];
      await one.append([side === 'left' ? column : column.toReversed()]);
      await one.append([[false]]);
      await one.append(1);
      await one.append([[false, true]]);
    }
  },

  'taking sequences equals a batch that was so from the start': async (subject, device) => {
    const twin = createTwin(subject, device, 3);
    await fill(twin, 5);
    for (const order of [
      [2, 0, 1],
      [0, 0, 2],
      [1, 1, 1],
      [0, 1, 2],
    ]) {
      twin.take(order);
      await twin.append(1);
    }
    await twin.append(padded([0, 2, 1], 'right'));
    for (const order of [[2, 1], [0, 1, 1, 0], [3, 2, 0], [1], [0, 0]]) {
      twin.take(order);
      must(twin.cache.B === order.length, `it has ${twin.cache.B} sequences after taking ${order}`);
      await twin.append(1);
    }
    await twin.append(padded([1, 2], 'left'));
    twin.take([1, 0]);
    await twin.append(1);
    const clone = twin.clone();
    clone.take([1]);
    await clone.append(2);
    await twin.append(1);
  },

  'crop of each sequence equals never having appended': async (subject, device) => {
    const { cropsBack = Infinity } = subject;
    for (const back of [
      [0, 1, 0],
      [1, 1, 1],
      [2, 0, 5],
      [Infinity, 0, 1],
      [Infinity, Infinity, Infinity],
    ]) {
      const twin = createTwin(subject, device, 3);
      await fill(twin, 4);
      await twin.append(padded([1, 3, 5], 'left'));
      await twin.append(1);
      const to = twin.lengths.map((length, b) => Math.max(0, length - back[b]!));
      const near = back.every((tokens, b) => tokens <= cropsBack || to[b] === 0);
      if (near) twin.crop(to);
      else if (!allowed(() => twin.crop(to)))
        must(twin.cache.lengths.join() === twin.lengths.join(), 'a refused crop changed the lengths');
      await twin.append(1);
      await twin.append(padded([2, 0, 3], 'right'));
      twin.crop(Math.max(0, twin.length - Math.min(1, cropsBack)));
      await twin.append(1);
      twin.cache.dispose();
    }
  },

  'saving, loading and cloning on the way change nothing': async (subject, device) => {
    let twin = createTwin(subject, device, 3);
    for (const counts of [
      [3, 1, 0],
      [1, 1, 1],
      [0, 4, 6],
      [1, 0, 1],
    ]) {
      await twin.append(padded(counts, 'right'));
      const clone = twin.clone();
      const loaded = twin.with(createTwin(subject, device, 3).cache);
      loaded.cache.load(await twin.cache.save());
      twin.cache.dispose();
      for (const other of [clone, loaded]) await other.append(1);
      clone.cache.dispose();
      twin = loaded;
    }
    const file = await twin.cache.save();
    const pair = createTwin(subject, device, 2);
    await refused('a file of three sequences', pair, ({ cache }) => cache.load(file));
  },

  'a check refuses what an append refuses, and changes nothing': async (subject, device) => {
    const twin = createTwin(subject, device, 2);
    await twin.append(padded([2, 3], 'right'));
    for (const [what, rows] of [
      ['a gap', [[2], [4]]],
      ['a position that is taken', [[2], [2]]],
      [
        'positions out of order',
        [
          [3, 2],
          [3, 4],
        ],
      ],
      ['one position for sequences of different lengths', [[2]]],
      ['positions of three sequences', [[2], [3], [0]]],
    ] as const) {
      await refusedAlike(what, twin, rows);
    }
    if (subject.endless) return;
    const most = capacityOf(subject);
    const far = Array.from({ length: 20 * most }, (_, i) => i + 2);
    await refusedAlike('more tokens of one sequence than it holds', twin, [far, far.map(() => -1)]);
    twin.cache.check(1);
    await twin.append(1);
  },
} satisfies Record<string, Law>;

/** Both refuse, in the same words, and leave the cache as it was. */
async function refusedAlike(what: string, twin: Twin, rows: readonly (readonly number[])[]): Promise<void> {
  const reasons: string[] = [];
  const attempt = (act: () => unknown): void => {
    try {
      act();
    } catch (error) {
      reasons.push(String(error));
      throw error;
    }
  };
  await refused(`a check of ${what}`, twin, () => attempt(() => twin.checkAt(rows)));
  await refused(`an append at ${what}`, twin, () => attempt(() => twin.appendAt(rows)));
  must(reasons[0] === reasons[1], `a check of ${what} says "${reasons[0]}", the append "${reasons[1]}"`);
}
