import { createReference, matmul, scope, type Tensor, tensor } from '@headwise/tensor';
import { assertClose, seeded } from '@headwise/tensor/testing';
import { it } from 'vitest';
import golden from '../../golden/kimi-delta.json' with { type: 'json' };
import { checkVariant, summedUp } from '../conformance/index.ts';
import { gatedDelta } from './gated-delta.ts';
import { kimiDelta } from './kimi-delta.ts';

checkVariant(kimiDelta, {
  golden,
  shape: { E: 12, H: 4, D: 3, Dv: 5, layers: 2 },
  except: summedUp,
});

it('is Gated DeltaNet where all channels of a head forget alike', async () => {
  const device = createReference();
  const [E, H, D, Dv, L] = [6, 2, 3, 4, 7];
  const [q, k, v] = [D, D, Dv].map((width, i) => seeded(device, [2, L, H, width], i)) as [
    Tensor,
    Tensor,
    Tensor,
  ];
  const x = seeded<'B L E'>(device, [2, L, E], 4);
  const beta = seeded(device, [H, E], 5);
  const logRate = seeded(device, [H], 6);
  const low = seeded(device, [Dv, E], 7);
  // one row of the second factor for all channels of a head
  const rows = [...(await seeded(device, [H, Dv], 8).data())];
  const bias = [...(await seeded(device, [H], 9).data())];
  const head = (h: number): number[] => rows.slice(h * Dv, (h + 1) * Dv);
  const wide = [0, 1].flatMap((h) => Array.from({ length: D }, () => head(h)).flat());
  const product = scope(() =>
    matmul(tensor(device, rows, [1, H, Dv]), low.reshape([1, Dv, E])).reshape([H, E]),
  );
  const coarse = gatedDelta.attend({
    q,
    k,
    v,
    x,
    weights: { beta, logRate, forget: product, 'forget.bias': tensor(device, bias, [H]) },
  });
  const fine = kimiDelta.attend({
    q,
    k,
    v,
    x,
    weights: {
      beta,
      logRate,
      forgetDown: low,
      forgetUp: tensor(device, wide, [H * D, Dv]),
      'forgetUp.bias': tensor(
        device,
        [0, 1].flatMap((h) => Array<number>(D).fill(bias[h]!)),
        [H * D],
      ),
    },
  });
  assertClose(await fine.out.data(), await coarse.out.data(), { atol: 1e-5, rtol: 1e-5 });
});
