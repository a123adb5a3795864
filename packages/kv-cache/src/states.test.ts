import {
  createPositions,
  createReference,
  type LayerSpec,
  type Positions,
  scope,
  sizeOf,
  tensor,
  ValueError,
} from '@headwise/tensor';
import { expect, it } from 'vitest';
import {
  bytesOfStates,
  type Cache,
  type CacheOptions,
  checkStates,
  cloneStates,
  createAnchorEvicting,
  createContiguous,
  createPaged,
  createQuantized,
  createRing,
  createSinkPreserving,
  createStates,
  cropStates,
  disposeStates,
  kv,
  loadStates,
  resetStates,
  type StatesOptions,
  saveStates,
  takeStates,
} from './index.ts';

const kv2 = { k: [1, 2], v: [1, 2] };
const specs: readonly LayerSpec[] = [
  { kind: 'full', rows: kv2, cap: Infinity, constant: {} },
  { kind: 'shared', rows: {}, cap: Infinity, constant: {}, producer: '0.self' },
  { kind: 'window', rows: kv2, cap: 4, constant: {} },
  { kind: 'latent', rows: { latent: [3] }, cap: Infinity, constant: {} },
  { kind: 'window', rows: kv2, cap: 64, constant: {} },
];
const withRecurrence: readonly LayerSpec[] = [
  ...specs,
  { kind: 'recurrent', rows: {}, cap: Infinity, constant: { S: [2, 2] } },
];

/** One step of a model that writes `value` everywhere; layers that share only look. */
function step(states: readonly Cache[], L: number, value: number, at?: Positions): void {
  scope(() => {
    for (const state of states) {
      const filled = (shape: readonly number[]) =>
        tensor(deviceOf(state), new Float32Array(sizeOf(shape)).fill(value), shape);
      const make = (shapes: Readonly<Record<string, readonly number[]>>, lead: readonly number[]) =>
        Object.fromEntries(
          Object.entries(shapes).map(([name, shape]) => [name, filled([...lead, ...shape])]),
        );
      const { spec, B } = state;
      if (spec.kind === 'shared') state.view();
      else if (spec.kind === 'recurrent') state.advance(make(spec.constant, [B]), at ?? L);
      else state.append(make(spec.rows, [B, L]), at);
    }
  });
}

function deviceOf(state: Cache) {
  return (state as Cache & { device: ReturnType<typeof createReference> }).device;
}

it('makes each layer by its kind', () => {
  const device = createReference();
  const states = createStates(withRecurrence, { device, B: 2, capacity: 16 });
  const made = states.map(({ id, kind, capacity }) => [id, kind, capacity]);
  expect(made).toEqual([
    ['0.self', 'contiguous', 16],
    ['1.self', 'shared', 16],
    ['2.self', 'ring', 4],
    ['3.self', 'contiguous', 16],
    ['4.self', 'contiguous', 16], // a window longer than the sequence forgets nothing
    ['5.self', 'recurrent', 16],
  ]);
  disposeStates(states);
  expect(device.memory.buffers).toBe(0);
});

it('a layer that shares follows its producer without a byte of its own', () => {
  const states = createStates(specs, { device: createReference(), B: 1, capacity: 16 });
  step(states, 3, 1);
  expect(states[1]!.view().rows.k).toBe(states[0]!.view().rows.k);
  expect(states[1]!.view().valid).toBe(3);
  expect([states[1]!.length, states[1]!.held, states[1]!.B, states[1]!.capacity]).toEqual([3, 3, 1, 16]);
  expect(states[1]!.bytes()).toEqual({ used: 0, full: 0, device: 0 });
});

it('layers refuse together, so that a step that does not fit changes none', () => {
  const states = createStates(withRecurrence.toReversed().slice(0, 4), {
    device: createReference(),
    B: 1,
    capacity: 6,
  });
  expect(states.map(({ kind }) => kind)).toEqual(['recurrent', 'contiguous', 'contiguous', 'ring']);
  step(states, 6, 1);
  const before = states.map((state) => [state.length, state.bytes()]);
  expect(() => step(states, 1, 2)).toThrow(
    'recurrent.advance: L must be at most 0: 6 of 6 tokens are in use (crop or reset the cache, or create it larger), got 1',
  );
  expect(states.map((state) => [state.length, state.bytes()])).toEqual(before);
});

/** Tokens until the first refusal, and where each layer then stands. */
function untilRefused(states: readonly Cache[], most = 100): { taken: number; lengths: number[] } {
  let taken = 0;
  try {
    for (; taken < most; taken++) step(states, 1, taken);
  } catch (error) {
    if (!ValueError.isInstance(error)) throw error;
  }
  return { taken, lengths: states.map(({ length }) => length) };
}

const full = specs[0]!;
const window = specs[2]!;
const everySecond = (_: number, position: number): boolean => position % 2 === 1;

it.each<[string, readonly LayerSpec[], NonNullable<StatesOptions['create']>, number]>([
  ['a contiguous cache for a window', [full, window], { window: createContiguous }, 8],
  ['a window first', [window, full], { window: createContiguous }, 8],
  ['windows alone', [window, window], { window: createContiguous }, 8],
  ['windows beside a recurrent layer', [withRecurrence[5]!, window], { window: createContiguous }, 8],
  ['paged windows', [full, window], { window: (o) => createPaged({ ...o, blockSize: 2 }) }, 8],
  [
    'a pool that is too small',
    [full, window],
    { window: (o) => createPaged({ ...o, blocks: 3, blockSize: 2 }) },
    2,
  ],
  [
    'a pool that is too small, first',
    [window, full],
    { full: (o) => createPaged({ ...o, blocks: 3, blockSize: 2 }) },
    2,
  ],
  [
    'a smaller cache of ones own',
    [window, full, full],
    { full: (o) => createContiguous({ ...o, capacity: 3 + Number(o.id!.split('.')[0]) }) },
    4,
  ],
  [
    'anchors that fill up',
    [window, full],
    { full: (o) => createAnchorEvicting({ ...o, capacity: 3, isAnchor: everySecond }) },
    6,
  ],
  [
    'quantized beside a ring',
    [window, full],
    { full: (o) => createQuantized({ ...o, group: 2, residual: 1 }), window: createRing },
    8,
  ],
  ['sinks that forget', [full, { ...window, sinks: 1 }], { window: createSinkPreserving }, 8],
])('layers refuse together: %s', (_, layers, create, taken) => {
  for (const clone of [false, true]) {
    const made = createStates(layers, { device: createReference(), B: 2, capacity: 8, create });
    const states = clone ? cloneStates(made) : made;
    if (clone) disposeStates(made);
    expect(untilRefused(states)).toEqual({ taken, lengths: layers.map(() => taken) });
    // a step of several tokens that does not fit is refused by all as well, and one that does is not
    cropStates(states, 0);
    expect(() => step(states, 9, 1)).toThrow(ValueError);
    expect(states.map(({ length }) => length)).toEqual(layers.map(() => 0));
    step(states, 2, 1);
    expect(states.map(({ length }) => length)).toEqual(layers.map(() => 2));
  }
});

it('frees the smaller cache of a window that a larger one replaces', () => {
  const device = createReference();
  const states = createStates([full, window], {
    device,
    B: 1,
    capacity: 8,
    create: { window: createContiguous },
  });
  expect(states.map(({ capacity }) => capacity)).toEqual([8, 8]);
  expect(bytesOfStates(states).device).toBe(device.memory.liveBytes);
  disposeStates(states);
  expect(device.memory.buffers).toBe(0);
});

it('refuses what is no cache, and takes sequences in all layers or none', () => {
  const device = createReference();
  const options = { device, B: 2, capacity: 4 };
  expect(() => createStates(specs, { ...options, create: { window: () => undefined as never } })).toThrow(
    'createStates: create.window must make a cache of 2 sequences for state 2.self, got undefined',
  );
  const narrow = { full: (o: CacheOptions) => createContiguous({ ...o, B: 1 }) };
  expect(() => createStates(specs, { ...options, create: narrow })).toThrow(
    'createStates: create.full must make a cache of 2 sequences for state 0.self, got "one of 1"',
  );
  expect(device.memory.buffers).toBe(0);
  const states = createStates(specs, options);
  expect(() => takeStates(states, [0, 2])).toThrow(
    'takeStates: order[1] must be a whole number from 0 to 1, got 2',
  );
});

it('asks every layer before the first, whatever caches they are', () => {
  const states = createStates([specs[0]!, specs[2]!, specs[1]!], {
    device: createReference(),
    B: 1,
    capacity: 16,
    create: { window: (o) => createContiguous({ ...o, capacity: 4 }) },
  });
  step(states, 4, 1);
  expect(states.map(({ length }) => length)).toEqual([4, 4, 4]);
  expect(() => checkStates(states, 1)).toThrow(
    'contiguous.append: L must be at most 0: 4 of 4 tokens are in use (crop or reset the cache, or create it larger), got 1',
  );
  expect(states.map(({ length }) => length)).toEqual([4, 4, 4]);
  cropStates(states, 3);
  checkStates(states, 1);
  step(states, 1, 1);
});

it('gives a layer several states, by id', async () => {
  const device = createReference();
  const byId = {
    '0.self': specs[0]!,
    '0.cross': { ...specs[0]!, rows: { k: [1, 3], v: [1, 3] } },
    '1.self': { ...specs[1]!, producer: '0.cross' },
  };
  const states = createStates(byId, { device, B: 1, capacity: 8 });
  expect(states.map(({ id, kind }) => [id, kind])).toEqual([
    ['0.self', 'contiguous'],
    ['0.cross', 'contiguous'],
    ['1.self', 'shared'],
  ]);
  step(states, 2, 1);
  expect(states[2]!.view().rows.k).toBe(states[1]!.view().rows.k);
  expect(kv(byId).layers.map(({ layer, id, elementsPerToken }) => [layer, id, elementsPerToken])).toEqual([
    [0, '0.self', 4],
    [0, '0.cross', 6],
    [1, '1.self', 0],
  ]);
  const other = createStates([specs[0]!, byId['0.cross']], { device, B: 1, capacity: 8 });
  const file = await saveStates(states);
  expect(() => loadStates(other, file)).toThrow(
    'cache file: the id of state 1.self: the file has 0.cross, this cache has 1.self',
  );
});

it('takes, crops, clones and saves sequences of different lengths, in every layer', async () => {
  const device = createReference();
  const create = (B: number) => createStates(withRecurrence, { device, B, capacity: 16, slack: 2 });
  const states = create(3);
  const at = createPositions(device, [
    [0, 1, 2, 3, 4],
    [-1, -1, -1, 0, 1],
    [0, -1, -1, -1, -1],
  ]);
  checkStates(states, at);
  step(states, 5, 1, at);
  expect(states.map(({ lengths }) => lengths.join())).toEqual(Array(6).fill('5,2,1'));
  takeStates(states, [1, 0]);
  expect(states.map(({ B, lengths }) => `${B}: ${lengths}`)).toEqual(Array(6).fill('2: 2,5'));
  step(states, 1, 2);
  step(states, 1, 3);
  cropStates(states, [3, 6]);
  expect(states.map(({ lengths }) => lengths.join())).toEqual(Array(6).fill('3,6'));
  expect(() => cropStates(states, [2, 5])).toThrow(
    'recurrent.crop: length of sequence 0 must be 0 or 3: a recurrent state takes back its last advance, and no other tokens (clone it before those you may take back), got 2',
  );
  expect(states.map(({ lengths }) => lengths.join())).toEqual(Array(6).fill('3,6'));
  cropStates(states.slice(0, 5), [2, 5]);
  expect(states.map(({ lengths }) => lengths.join())).toEqual([...Array(5).fill('2,5'), '3,6']);
  await expect(saveStates(states)).rejects.toThrow(
    'saveStates: states must be of one length, got "2, 5 in 0.self, 3, 6 in 5.self"',
  );
  const level = states.slice(0, 5);
  const clones = cloneStates(level);
  const loaded = createStates(specs, { device, B: 2, capacity: 16, slack: 2 });
  loadStates(loaded, await saveStates(clones));
  expect(loaded.map(({ lengths }) => lengths)).toEqual(level.map(({ lengths }) => lengths));
  expect(await saveStates(loaded)).toEqual(await saveStates(level));
});

it('windows and recurrent states alone run on without end', () => {
  const device = createReference();
  const states = createStates([specs[2]!, withRecurrence[5]!], { device, B: 1, capacity: 8 });
  step(states, 1, 1);
  const { liveBytes, buffers } = device.memory;
  for (let n = 0; n < 100; n++) step(states, 1, n);
  expect(states.map(({ length }) => length)).toEqual([101, 101]);
  expect([device.memory.liveBytes, device.memory.buffers]).toEqual([liveBytes, buffers]);
});

it('crops every layer or none', () => {
  const states = createStates(specs, { device: createReference(), B: 1, capacity: 16, slack: 3 });
  step(states, 12, 1);
  cropStates(states, 8);
  expect(states.map(({ length }) => length)).toEqual([8, 8, 8, 8, 8]);
  step(states, 2, 2);
  expect(() => cropStates(states, 5)).toThrow(/^ring.crop: length must be from 0 to 0, or at least 8/);
  expect(states.map(({ length }) => length)).toEqual([10, 10, 10, 10, 10]);
  resetStates(states);
  expect(states.map(({ length }) => length)).toEqual([0, 0, 0, 0, 0]);
});

it('reorders, clones and keeps apart', async () => {
  const device = createReference();
  const states = createStates(withRecurrence, { device, B: 2, capacity: 16 });
  step(states, 2, 1);
  takeStates(states, [1, 1]);
  const clones = cloneStates(states);
  step(clones, 1, 5);
  expect([states[0]!.length, clones[0]!.length]).toEqual([2, 3]);
  expect(clones[1]!.view().rows.k).toBe(clones[0]!.view().rows.k);
  expect([...(await states[0]!.view().rows.k!.data())].slice(0, 6)).toEqual([1, 1, 1, 1, 0, 0]);
  expect([...(await clones[0]!.view().rows.k!.data())].slice(0, 6)).toEqual([1, 1, 1, 1, 5, 5]);
  const bytes = bytesOfStates(states).device + bytesOfStates(clones).device;
  expect(bytes).toBe(device.memory.liveBytes);
  disposeStates([...states, ...clones]);
  expect(device.memory.buffers).toBe(0);
});

it('saves all layers to one file, and loads all or none', async () => {
  const create = () => createStates(withRecurrence, { device: createReference(), B: 2, capacity: 16 });
  const states = create();
  step(states, 5, 3);
  const file = await saveStates(states);
  const copy = create();
  loadStates(copy, file);
  expect(copy.map(({ length }) => length)).toEqual([5, 5, 5, 5, 5, 5]);
  expect(await saveStates(copy)).toEqual(file);

  const others = createStates(
    [...withRecurrence.slice(0, 5), { ...withRecurrence[5]!, constant: { S: [3] } }],
    {
      device: createReference(),
      B: 2,
      capacity: 16,
    },
  );
  expect(() => loadStates(others, file)).toThrow(
    'cache file: what a token adds of state 5.self: the file has recurrent, S [2, 2], this cache has recurrent, S [3]',
  );
  expect(others.map(({ length }) => length)).toEqual([0, 0, 0, 0, 0, 0]);
  const fewer = createStates(specs, { device: createReference(), B: 2, capacity: 16 });
  expect(() => loadStates(fewer, file)).toThrow('cache file: it holds 5 states, this model stores 4');
});

it('takes other caches for a kind of layer', () => {
  const states = createStates(specs, {
    device: createReference(),
    B: 1,
    capacity: 16,
    create: { full: (options) => createQuantized({ ...options, group: 4, residual: 4 }) },
  });
  expect(states.map(({ kind }) => kind)).toEqual(['quantized', 'shared', 'ring', 'contiguous', 'contiguous']);
});

it.each([
  [{ B: 0 }, 'createStates: B must be a whole number ≥ 1, got 0'],
  [{ capacity: 1.5 }, 'createStates: capacity must be a whole number ≥ 1, got 1.5'],
  [{ slack: -1 }, 'createStates: slack must be a whole number ≥ 0, got -1'],
])('refuses %j', (wrong, message) => {
  expect(() => createStates(specs, { device: createReference(), B: 1, capacity: 4, ...wrong })).toThrow(
    message,
  );
});

it('refuses a layer that reads one after it, and frees what it had made', () => {
  const device = createReference();
  const later: LayerSpec = { ...specs[1]!, producer: '2.self' };
  expect(() => createStates([specs[0]!, later, specs[2]!], { device, B: 1, capacity: 4 })).toThrow(
    'createStates: producer of 1.self must be the id of an earlier state that keeps something itself, got "2.self"',
  );
  const empty: LayerSpec = { ...specs[0]!, rows: {} };
  expect(() => createStates([specs[0]!, empty], { device, B: 1, capacity: 4 })).toThrow(
    'contiguous: spec must name what a full layer keeps, got "no names"',
  );
  expect(device.memory.buffers).toBe(0);
});

it('a shared state refuses what is done to its producer', async () => {
  const [producer, shared] = createStates(specs, { device: createReference(), B: 1, capacity: 4 }) as [
    Cache,
    Cache,
  ];
  const refusal = (what: string) =>
    `shared.${what}: state 1.self keeps nothing of its own; ${what} state 0.self, which it reads, got "a shared state"`;
  expect(() => shared.append({})).toThrow(refusal('append'));
  expect(() => shared.advance({}, 1)).toThrow(refusal('advance'));
  expect(() => shared.crop(0)).toThrow(refusal('crop'));
  expect(() => shared.take([0])).toThrow(refusal('take'));
  expect(() => shared.reset()).toThrow(refusal('reset'));
  expect(() => shared.clone()).toThrow(refusal('clone'));
  expect(() => shared.load(new Uint8Array(0))).toThrow(refusal('load'));
  await expect(shared.save()).rejects.toThrow(refusal('save'));
  shared.dispose();
  expect(producer.length).toBe(0);
});

it('reads where tokens stand once a layer and step, however often it is asked', () => {
  const device = createReference();
  const reads = (asked: number): number => {
    const states = createStates(withRecurrence, { device, B: 1, capacity: 32 });
    const positions = createPositions(device, { start: 0, L: 2 });
    let count = 0;
    const watched = new Proxy(positions, {
      get: (target, name) => {
        if (name === 'host') count++;
        return Reflect.get(target, name);
      },
    });
    for (let n = 0; n < asked; n++) checkStates(states, watched);
    const before = count;
    step(states, 2, 1, watched);
    expect(states[0]!.length).toBe(2);
    if (asked > 0) expect(count - before).toBeLessThan(before);
    disposeStates(states);
    return count;
  };
  expect([1, 2, 3].map(reads)).toEqual([reads(0), reads(0), reads(0)]);
});
