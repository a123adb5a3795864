// `tsx --conditions=@headwise/source expected-views.ts cache|positions|sampling|histogram '<params as JSON>'`: what the
// library makes of it on its reference device, as JSON.
import { createDevice } from '@headwise/tensor';
import { VariantModels } from '../engine/attention/variant-models.ts';
import { runCache } from '../views/cache/model.ts';
import { shownOptions } from '../views/cache/variants.ts';
import { piecesOf, visible } from '../views/pieces.ts';
import { positionPicture } from '../views/positions/model.ts';
import { histogramPicture, samplingPicture } from '../views/sampling/model.ts';
import { shippedFromDisk } from './shipped.ts';

const [kind, json] = process.argv.slice(2) as [string, string];
const params = JSON.parse(json);
async function load() {
  const device = await createDevice('reference');
  const shipped = await shippedFromDisk();
  const { tokenizer, checkpoint } = shipped;
  const models = await VariantModels.create(device, shipped);
  return { tokenizer, models, pieces: piecesOf(checkpoint, tokenizer) };
}

async function setupOf({ prompt, generated = [], ...chosen }: { prompt: string; generated?: number[] }) {
  const { tokenizer, models, pieces } = await load();
  const { variant, options } = models.own;
  const own = tokenizer.encode(prompt);
  const ids = [...own, ...generated];
  using session = models.get(variant, options).decoder.start({ capacity: ids.length });
  const logits = Float32Array.from(await session.step(ids).data());
  const rest = { logits, pieces, endIds: [1, 2], ids, promptLength: own.length };
  return { stages: [], choice: { name: 'draw', options: {} }, seed: 42, schema: '', ...chosen, ...rest };
}

const answers: Readonly<Record<string, () => unknown>> = {
  positions: () => positionPicture(params),
  sampling: async () => samplingPicture(await setupOf(params)),
  histogram: async () => histogramPicture(await setupOf(params), params.draws),
  cache: async () => {
    const { tokenizer, models, pieces } = await load();
    const { variant, options } = params;
    const { decoder, attention } = models.get(variant, { ...shownOptions(variant), ...options });
    const model = { decoder, attention, position: models.position, weights: '' };
    return runCache(model, params, { tokenizer, textOf: (id) => visible(pieces[id], id) });
  },
};
const plain = (_: string, value: unknown): unknown =>
  ArrayBuffer.isView(value) ? [...(value as Float32Array)] : value;
console.log(JSON.stringify(await answers[kind]!(), plain));
