import { createReference, type Device, scope, tensor } from '@headwise/tensor';
import { allowed, capacityOf, fill, type Law, must, refused } from './law.ts';
import { ofDifferentLengths } from './laws-lengths.ts';
import { ofSteps } from './laws-steps.ts';
import { plainSpec } from './subject.ts';
import { createTwin, padded, Twin } from './twin.ts';

const ofEqualLengths = {
  'equals recomputing the sequence, in chunks of any size': async (subject, device) => {
    const twin = createTwin(subject, device);
    const end = capacityOf(subject) * (subject.endless ? 3 : 1);
    for (const L of [1, 3, 1, 2, 5, 1, 1, 4, 1, 9, 1, 1, 2, 1, 7, 1, 1, 1, 6, 1, 1]) {
      if (twin.length + L <= end) await twin.append(L);
    }
    while (twin.length < end) await twin.append(1);
  },

  'one append of everything equals many': async (subject, device) => {
    const twin = createTwin(subject, device);
    await twin.append(capacityOf(subject));
    if (subject.endless) {
      await twin.append(1);
      await twin.append(capacityOf(subject) + 3);
      await twin.append(1);
    }
  },

  'an append of no token changes nothing': async (subject, device) => {
    const twin = createTwin(subject, device);
    await twin.append(0);
    must(twin.cache.length === 0, 'the length is not 0');
    await twin.append(5);
    const before = JSON.stringify(twin.cache.bytes().used);
    await twin.append(0);
    must(JSON.stringify(twin.cache.bytes().used) === before, 'the bytes in use changed');
    await twin.append(1);
  },

  'crop, then append, equals never having appended': async (subject, device) => {
    const { cropsBack = Infinity } = subject;
    for (const back of [0, 1, 2, 5, 9, Infinity]) {
      const twin = createTwin(subject, device);
      await fill(twin, 11);
      const to = Math.max(0, 11 - back);
      if (back <= cropsBack || to === 0) twin.crop(to);
      else if (!allowed(() => twin.crop(to)))
        must(twin.cache.length === 11, 'a refused crop changed the length');
      await twin.append(1);
      await twin.append(3);
      twin.crop(twin.length);
      await twin.append(1);
      twin.cache.dispose();
    }
  },

  'a clone shares nothing that is written': async (subject, device) => {
    const twin = createTwin(subject, device);
    await fill(twin, 6);
    const clone = twin.clone();
    await clone.append(2);
    await twin.append(1);
    await clone.append(1);
    clone.take([1, 0]);
    await twin.append(1);
    twin.cache.dispose();
    await clone.append(1);
    clone.reset();
    await clone.append(2);
    clone.cache.dispose();
  },

  'a reset cache is a new one': async (subject, device) => {
    const twin = createTwin(subject, device);
    await fill(twin, 13);
    const { device: held } = twin.cache.bytes();
    twin.reset();
    must(twin.cache.held === 0 && twin.cache.length === 0, 'something is held after a reset');
    must(twin.cache.bytes().device <= held, 'a reset took memory');
    await twin.append(4);
    await twin.append(1);
  },

  'bytes() is what the device counts': async (subject, device) => {
    const before = device.memory.liveBytes;
    const caches = [createTwin(subject, device)];
    const agree = (when: string): void => {
      const counted = device.memory.liveBytes - before;
      const said = caches.reduce((sum, { cache }) => sum + cache.bytes().device, 0);
      must(said === counted, `${when}, bytes().device is ${said}, the device counts ${counted}`);
      for (const { cache } of caches) {
        const { used, full } = cache.bytes();
        must(used >= 0 && used <= full, `${when}, ${used} bytes are used of ${full}`);
      }
    };
    agree('at first');
    const [twin] = caches as [Twin];
    for (const L of [1, 4, 1, 3]) {
      await twin.append(L);
      agree(`after ${twin.length} tokens`);
    }
    twin.take([1, 0]);
    agree('after a take');
    twin.take([1, 0, 0]);
    agree('after a take of more');
    twin.take([0, 2]);
    agree('after a take of fewer');
    await twin.append(padded([2, 1], 'left'));
    agree('after an append of two lengths');
    caches.push(twin.clone());
    agree('after a clone');
    await caches[1]!.append(1);
    agree('after an append to the clone');
    twin.reset();
    agree('after a reset');
  },

  'a full cache refuses the append and stays as it was': async (subject, device) => {
    const { spec = plainSpec } = subject;
    const most = capacityOf(subject);
    const limited = subject.create({ device, spec, B: 2, capacity: most, limit: 5 });
    const atLimit = new Twin(subject, device, limited);
    await fill(atLimit, 4);
    await refused('an append beyond the limit', atLimit, (twin) => twin.feed(2));
    await atLimit.append(1);
    await refused('an append beyond the limit', atLimit, (twin) => twin.feed(1));
    limited.dispose();
    if (subject.endless) return;

    const twin = createTwin(subject, device);
    await fill(twin, most - 2);
    await refused('an append that does not fit', twin, (full) => full.feed(9 * most));
    await twin.append(2);
    let steps = 0;
    while (allowed(() => twin.feed(1))) must(++steps < 20 * most, `${twin.length} tokens fit into ${most}`);
    await refused('an append to a full cache', twin, (full) => full.feed(1));
    twin.reset();
    await twin.append(1);
  },

  'many steps do not grow it': async (subject, device) => {
    const { steps = 500 } = subject;
    const twin = createTwin(subject, device);
    const most = capacityOf(subject);
    const round = (): void => {
      if (!subject.endless && twin.length + 1 > most) twin.reset();
      twin.feed(1);
    };
    for (let step = 0; step < 2 * most; step++) round();
    const { liveBytes, buffers } = device.memory;
    for (let step = 1; step <= steps; step++) {
      round();
      const now = device.memory;
      must(
        now.liveBytes <= liveBytes && now.buffers <= buffers,
        `after ${step} steps it has ${now.liveBytes} bytes in ${now.buffers} buffers, before it had ${liveBytes} in ${buffers}`,
      );
    }
    if (twin.length + 1 > most && !subject.endless) twin.reset();
    await twin.append(1);
  },

  'dispose frees all, once': async (subject, device) => {
    const { liveBytes, buffers } = device.memory;
    const twin = createTwin(subject, device);
    await fill(twin, 9);
    const clone = twin.clone();
    twin.cache.dispose();
    twin.cache.dispose();
    clone.cache.dispose();
    const after = device.memory;
    must(
      after.liveBytes === liveBytes && after.buffers === buffers,
      `${after.liveBytes - liveBytes} bytes in ${after.buffers - buffers} buffers are left`,
    );
    for (const call of [
      () => twin.feed(1),
      () => twin.cache.reset(),
      () => twin.cache.bytes(),
      () => twin.cache.clone(),
    ]) {
      must(!allowed(call), 'a disposed cache can be used');
    }
  },

  'a file holds the moment of the call, and loads into an equal cache': async (subject, device) => {
    const twin = createTwin(subject, device);
    for (const tokens of [0, 9, 3]) {
      twin.feed(tokens);
      const then = createTwin(subject, device);
      // what it shows is replaced too
      await then.append(2);
      const saving = twin.cache.save();
      then.tokens = twin.tokens.map((list) => [...list]);
      if (tokens === 9) twin.feed(1);
      const file = await saving;
      then.cache.load(file);
      await then.with(then.cache).append(1);
      then.cache.dispose();
    }
    await twin.append(1);
  },

  'a file that is damaged or of another cache is refused': async (subject, device) => {
    const { spec = plainSpec, capacity } = subject;
    const twin = createTwin(subject, device);
    await fill(twin, 6);
    const file = await twin.cache.save();
    const middle = file.slice();
    middle[Math.floor(file.length * 0.7)]! ^= 4;
    const wider = { ...spec, rows: widened(spec.rows), constant: widened(spec.constant) };
    const other = new Twin(
      subject,
      device,
      subject.create({ device, spec: wider, B: 2, capacity: capacity ?? 24 }),
    );
    const third = createTwin(subject, device, 3);
    for (const [what, bytes] of [
      ['a file with one bit changed', middle],
      ['half a file', file.subarray(0, file.length >> 1)],
      ['an empty file', new Uint8Array(0)],
      ['a file of other shapes', await other.cache.save()],
      ['a file of another batch', await third.cache.save()],
    ] as const) {
      await refused(what, twin, ({ cache }) => cache.load(bytes));
    }
    await twin.append(1);
  },

  'bad input is refused with its reason and changes nothing': async (subject, device) => {
    const twin = createTwin(subject, device);
    await fill(twin, 6);
    const elsewhere = createReference();
    for (const [what, act] of badInput(twin, elsewhere)) await refused(what, twin, () => scope(act));
    await twin.append(1);
  },
} satisfies Record<string, Law>;

/** What holds for every cache, by name. */
export const laws = { ...ofEqualLengths, ...ofDifferentLengths, ...ofSteps } satisfies Record<string, Law>;

/** Name of a law of caches: a key of {@link laws}. */
export type LawName = keyof typeof laws;

function badInput(twin: Twin, elsewhere: Device): [string, () => unknown][] {
  const { cache, spec } = twin;
  const calls: [string, () => unknown][] = [
    ['a crop beyond the length', () => cache.crop(cache.length + 1)],
    ['a negative crop', () => cache.crop(-1)],
    ['half a crop', () => cache.crop(0.5)],
    ['a crop of one sequence beyond its length', () => cache.crop([0, cache.length + 1])],
    ['a crop of three sequences', () => cache.crop([1, 1, 1])],
    ['an order out of range', () => cache.take([0, 2])],
    ['an order of none', () => cache.take([])],
    ['no order', () => cache.take(undefined as never)],
    ['an order with half an index', () => cache.take([0, 0.5])],
  ];
  if (spec.kind === 'recurrent') {
    const wrong = Object.keys(spec.constant).map((name) => [name, tensor(twin.device, [1], [1])]);
    return [
      ...calls,
      ['an append', () => cache.append({})],
      ['an advance without states', () => cache.advance({}, 1)],
      ['an advance of another shape', () => cache.advance(Object.fromEntries(wrong), 1)],
    ];
  }
  const name = Object.keys(spec.rows)[0]!;
  const positions = (): unknown =>
    tensor(twin.device, new Int32Array(twin.rows(1)[name]!.size), twin.rows(1)[name]!.shape);
  return [
    ...calls,
    ['nothing', () => cache.append(undefined as never)],
    ['no rows', () => cache.append({})],
    ['a name it does not keep', () => cache.append({ ...twin.rows(1), other: twin.rows(1)[name]! })],
    ['rows that are not tensors', () => cache.append({ ...twin.rows(1), [name]: [1, 2] as never })],
    [
      'rows of another width',
      () => cache.append(twin.rows(1, (row) => [...row.slice(0, -1), row.at(-1)! + 1])),
    ],
    ['rows of another rank', () => cache.append(twin.rows(1, (row) => [...row, 1]))],
    ['rows of whole numbers', () => cache.append({ ...twin.rows(1), [name]: positions() as never })],
    [
      'rows of another device',
      () => cache.append({ ...twin.rows(1), [name]: tensor(elsewhere, [0], [1, 1]) }),
    ],
    ['an advance', () => cache.advance({}, 1)],
  ];
}

function widened(shapes: Readonly<Record<string, readonly number[]>>): Record<string, readonly number[]> {
  return Object.fromEntries(
    Object.entries(shapes).map(([name, shape]) => [name, [...shape.slice(0, -1), shape.at(-1)! + 1]]),
  );
}
