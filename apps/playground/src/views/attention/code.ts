import type { Trace } from '../../engine/attention/trace.ts';

/** JavaScript that computes the weights of one head from the queries, keys and values shown, with the library. */
export function codeOf(trace: Trace, options: Readonly<Record<string, unknown>>, head: number): string {
  const { variant, pieces, layer, q, k, v } = trace;
  const list = (values: Float32Array): string =>
    `[${Array.from(values, (each) => Number(each.toPrecision(6))).join(', ')}]`;
  const given = (name: string, heads: Trace['q']): string =>
    heads
      ? `const ${name} = tensor(device, ${list(heads.values)}, [1, ${pieces.length}, ${heads.heads}, ${heads.width}]);`
      : `// this variant has no ${name} to show`;
  return `// ${trace.title}, layer ${layer + 1}, of “${pieces.join('').replaceAll('\n', ' ')}”
// npm install @headwise/tensor @headwise/attention-variants
import { configure } from '@headwise/attention-variants';
import { variants } from '@headwise/attention-variants/registry';
import { createDevice, tensor } from '@headwise/tensor';

const device = await createDevice('reference');
// [B, L, heads, width], turned by their positions
${given('q', q)}
${given('k', k)}
${given('v', v)}

const attention = configure(variants['${variant}'], ${JSON.stringify(options)});
const { weights } = attention.attend({ q, k, v, extras: ['weights'], layer: ${layer} });
const L = ${pieces.length};
const all = await weights.data(); // [1, ${trace.H}, L, L]
for (let i = 0; i < L; i++)
  console.log([...all.subarray((${head} * L + i) * L, (${head} * L + i + 1) * L)].map((w) => w.toFixed(3)).join(' '));
`;
}
