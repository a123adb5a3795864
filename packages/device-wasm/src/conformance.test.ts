import { checkDevice, opCases } from '@headwise/tensor/testing';
import { createWasmWith } from './device.ts';

const modifiers =
  'score and mask modifiers are user code, which fused kernels cannot run; supports() says so';
const withModifiers = /modifier|in hidden keys/;
const refused = Object.fromEntries(
  opCases
    .map(({ op, name }) => `${op} ${name}`)
    .filter((title) => withModifiers.test(title))
    .map((title) => [title, modifiers]),
);

checkDevice('simd128, one thread', () => createWasmWith({ simd: 'simd128', threads: 1, guard: 128 }), {
  except: refused,
});
checkDevice(
  'default instructions, two threads',
  () => createWasmWith({ threads: 2, guard: 128, shuffle: true }),
  {
    except: refused,
  },
);
