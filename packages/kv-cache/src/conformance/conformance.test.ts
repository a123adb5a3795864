import { createReference, type Tensor, zeros } from '@headwise/tensor';
import { describe, expect, it } from 'vitest';
import { createContiguous } from '../caches/contiguous.ts';
import { createQuantized } from '../caches/quantized.ts';
import { createRing } from '../caches/ring.ts';
import type { Cache, CacheOptions } from '../contract.ts';
import { type CacheSubject, laws, plainSpec } from './index.ts';

/** A sound cache with some of its methods replaced. */
function withFault(
  overrides: (inner: Cache, options: CacheOptions) => Partial<Cache>,
  create = createContiguous,
) {
  const wrap = (inner: Cache, options: CacheOptions): Cache => {
    const names = ['kind', 'spec', 'id', 'B', 'capacity', 'length', 'lengths', 'held'] as const;
    const cache = Object.defineProperties(
      {},
      Object.fromEntries(names.map((name) => [name, { get: () => inner[name], configurable: true }])),
    );
    Object.assign(cache, {
      check: inner.check.bind(inner),
      append: inner.append.bind(inner),
      view: inner.view.bind(inner),
      constants: inner.constants.bind(inner),
      advance: inner.advance.bind(inner),
      crop: inner.crop.bind(inner),
      checkCrop: inner.checkCrop.bind(inner),
      take: inner.take.bind(inner),
      clone: () => wrap(inner.clone(), options),
      reset: inner.reset.bind(inner),
      bytes: inner.bytes.bind(inner),
      save: inner.save.bind(inner),
      load: inner.load.bind(inner),
      dispose: inner.dispose.bind(inner),
    } satisfies Partial<Cache>);
    return Object.assign(cache, overrides(inner, options)) as Cache;
  };
  return (options: CacheOptions): Cache => wrap(create(options), options);
}

/** Rows `[B, L, …]` of which sequence `b` is zeros. */
function without(rows: Tensor, b: number): Tensor {
  const copy = zeros(rows.device, rows.shape);
  const size = rows.size / rows.shape[0]!;
  for (let i = 0; i < rows.shape[0]!; i++) if (i !== b) copy.write(i * size, rows, i * size, size);
  return copy;
}

const windowed = { ...plainSpec, kind: 'window', cap: 5 } as const;
const asRing = { spec: windowed, capacity: 5, endless: true, cropsBack: 1 };

const faults: Record<string, CacheSubject> = {
  'values of the second sequence are lost': {
    create: withFault((inner) => ({
      append: ({ k, v }, at) => inner.append({ k: k!, v: without(v!, 1) }, at),
    })),
  },
  'keys and values are swapped': {
    create: withFault((inner) => ({ append: ({ k, v }, at) => inner.append({ k: v!, v: k! }, at) })),
  },
  'the newest token is not seen': {
    create: withFault((inner) => ({
      append(rows, at) {
        const view = inner.append(rows, at);
        const { cursor: _, ...rest } = view;
        return { ...rest, valid: Math.max(0, view.valid - 1) };
      },
    })),
  },
  'the offset is one too large': {
    create: withFault((inner) => ({
      append(rows, at) {
        const view = inner.append(rows, at);
        return { ...view, offset: view.offset + 1 };
      },
    })),
  },
  'a chunk is written over what its first queries see': {
    ...asRing,
    create: withFault(
      (inner) => ({
        append(rows, at) {
          inner.append(rows, at);
          inner.crop(inner.length);
          return { ...inner.view(), offset: inner.length - rows.k!.shape[1]! };
        },
      }),
      createRing,
    ),
  },
  'crop keeps the last token': {
    create: withFault((inner) => ({
      crop: (length) => inner.crop(typeof length === 'number' ? Math.min(inner.length, length + 1) : length),
    })),
  },
  'crop beyond the length is clamped': {
    create: withFault((inner) => ({
      crop: (length) => inner.crop(typeof length === 'number' ? Math.min(inner.length, length) : length),
    })),
  },
  'take copies over what it still needs': {
    create: withFault((inner) => ({
      take(order) {
        if (order.length !== inner.B) return inner.take(order);
        order.forEach((from, b) => {
          const step = order.map((_, i) => (i === b ? from : i));
          inner.take(step);
        });
      },
    })),
  },
  'take is forgotten': { create: withFault(() => ({ take: () => {} })) },
  'what stands behind the end of a shorter sequence is seen': {
    create: withFault((inner) => ({
      append(rows, at) {
        const view = inner.append(rows, at);
        if (!view.queryPositions) return view;
        const { keyPositions: _, ...rest } = view;
        return rest;
      },
    })),
  },
  'nobody is written': {
    create: withFault((inner) => ({
      append: (rows, at) => inner.append(rows, at && { ...at, host: at.host.map((p) => Math.max(0, p)) }),
    })),
  },
  'a check says nothing': { create: withFault(() => ({ check: () => {} })) },
  'a view is a new tensor each time': {
    create: withFault((inner) => ({
      append(rows, at) {
        const view = inner.append(rows, at);
        return { ...view, cursor: view.cursor!.reshape([2]) };
      },
    })),
  },
  'a clone is the same cache': {
    create: withFault((inner) => ({ clone: () => inner })),
  },
  'bytes() counts two bytes a number': {
    create: withFault((inner) => ({
      bytes() {
        const { used, full, device } = inner.bytes();
        return { used, full, device: device / 2 };
      },
    })),
  },
  'a refused append has written its length': {
    create(options) {
      let length = 0;
      const inner = createContiguous(options);
      const cache = withFault(
        () => ({
          append(rows, at) {
            length += rows.k!.shape[1]!;
            return inner.append(rows, at);
          },
        }),
        () => inner,
      )(options);
      return Object.defineProperty(cache, 'length', {
        get: () => Math.max(length, inner.length),
        configurable: true,
      });
    },
  },
  'a full cache forgets instead of refusing': {
    create: withFault((inner) => ({
      append(rows, at) {
        if (inner.length + rows.k!.shape[1]! > inner.capacity) inner.reset();
        return inner.append(rows, at);
      },
    })),
  },
  'an append of nothing adds a token': {
    create: withFault((inner, { device }) => ({
      append(rows, at) {
        if (rows.k?.shape[1] !== 0) return inner.append(rows, at);
        const none = zeros(device, [inner.B, 1, 2, 4]);
        return inner.append({ k: none, v: none });
      },
    })),
  },
  'each append leaves a buffer behind': {
    create: withFault((inner, { device }) => ({
      append(rows, at) {
        device.allocate(1, 'f32');
        return inner.append(rows, at);
      },
    })),
  },
  'dispose forgets a buffer': {
    create: withFault((inner, { device }) => {
      device.allocate(8, 'f32');
      return { bytes: () => ({ ...inner.bytes(), device: inner.bytes().device + 32 }) };
    }),
  },
  'a disposed cache can be used': {
    create: withFault(() => ({ reset: () => {} })),
  },
  'save reads after it has returned': {
    create: withFault((inner) => ({
      async save() {
        await Promise.resolve();
        return inner.save();
      },
    })),
  },
  'load takes half of a damaged file': {
    create: withFault((inner) => ({
      load(file) {
        try {
          inner.load(file);
        } catch (error) {
          inner.crop(Math.floor(inner.length / 2));
          throw error;
        }
      },
    })),
  },
  'load accepts every file': {
    create: withFault((inner) => ({
      load(file) {
        try {
          inner.load(file);
        } catch {}
      },
    })),
  },
  'reset keeps the tokens': { create: withFault((inner) => ({ reset: () => inner.crop(inner.length) })) },
  'bad rows end in a TypeError': {
    create: withFault((inner) => ({
      append(rows, at) {
        if (rows.k?.shape.length !== 4) throw new TypeError('cannot read properties of undefined');
        return inner.append(rows, at);
      },
    })),
  },
  'rows of whole numbers are taken': {
    create: withFault((inner) => ({
      append(rows, at) {
        if ((rows.k as unknown as Tensor<'', 'i32'>).dtype !== 'i32') return inner.append(rows, at);
        return inner.append({ k: rows.v!, v: rows.v! });
      },
    })),
  },
  'numbers are off by more than the stated bound': {
    create: (options) => createQuantized({ ...options, bits: 4, group: 4, residual: 0 }),
    bound: 0.5 / 255,
  },
};

describe('the kit catches', () => {
  for (const [fault, subject] of Object.entries(faults)) {
    it(fault, async () => {
      const broken: string[] = [];
      for (const [name, law] of Object.entries(laws)) {
        const device = createReference();
        await law(subject, device).catch((error: Error) => broken.push(`${name}: ${error.message}`));
      }
      expect(broken).not.toEqual([]);
    });
  }

  it('and nothing in a sound cache', async () => {
    const sound: CacheSubject[] = [
      { create: withFault(() => ({})) },
      { ...asRing, create: withFault(() => ({}), createRing) },
    ];
    for (const subject of sound) for (const law of Object.values(laws)) await law(subject, createReference());
  });
});

it('explains what differs', async () => {
  const subject = faults['the newest token is not seen']!;
  await expect(
    laws['equals recomputing the sequence, in chunks of any size'](subject, createReference()),
  ).rejects.toThrow(
    /^attention of the token at 0 gives 0, recomputing gives -?0\.\d+ \(allowed off: 0\.0000200\)$/,
  );
});
