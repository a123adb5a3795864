import { postNorm } from '../arrangements/post-norm.ts';
import type { Block } from '../block.ts';
import { defineFamily } from '../family.ts';
import { bertSizes } from '../formats/bert-fields.ts';
import type { ConfigFields } from '../formats/config-fields.ts';
import { shown } from '../formats/json.ts';
import { firstRow, robertaExtras, robertaHead, robertaWeights } from '../formats/roberta-fields.ts';
import { createMlp, feedForward } from '../parts/feed-forward.ts';
import { globalAttention } from '../parts/global-attention.ts';
import { createLayerNorm } from '../parts/norms.ts';
import { learnedPositions } from '../parts/trained-position.ts';

/**
 * Longformer: RoBERTa whose tokens see a window to both sides, a layer's own, and a few global tokens, chosen by the
 * call (`globals`), that see all and are seen by all. A classifier's first token is one of them; of a question with its
 * passage all tokens of the question should be.
 *
 * ```text
 * x = norm(embed[ids] + table[pad + 1 + i] + type)
 * h = norm(x + local and global attention(x))      y = norm(h + down · gelu(up · h))
 * ```
 *
 * @see Beltagy et al. 2020, section 3, {@link https://arxiv.org/abs/2004.05150}
 */
export const longformer = /* @__PURE__ */ defineFamily({
  name: 'longformer',
  title: 'Longformer',
  paper: {
    title: 'Longformer: The Long-Document Transformer',
    authors: 'Beltagy et al.',
    year: 2020,
    arxiv: '2004.05150',
  },
  architectures: [
    'LongformerModel',
    'LongformerForMaskedLM',
    'LongformerForSequenceClassification',
    'LongformerForTokenClassification',
    'LongformerForQuestionAnswering',
  ],

  config(fields) {
    const sizes = bertSizes(fields);
    const head = robertaHead(fields, 'Longformer', sizes);
    // how it is exported, and what files carry of an older form
    fields.ignore('onnx_export', 'attention_mode', 'ignore_attention_mask');
    const windows = windowsOf(fields, sizes.shape.layers);
    return { ...sizes, offset: firstRow(fields, sizes), head, windows };
  },

  model({ shape, F, activation, eps, rows, types, offset, head, windows }) {
    const norm = createLayerNorm({ eps });
    const mlp = feedForward(createMlp({ F, activation }));
    const blocks: Block[] = windows.map((window) => ({
      parts: [globalAttention({ window }), mlp],
      norm,
      arrange: postNorm,
    }));
    return {
      kind: 'encoder',
      parts: {
        shape,
        blocks: (layer) => blocks[layer]!,
        position: learnedPositions({ rows, offset }),
        types,
        embedNorm: norm,
        head,
        globals: head?.name === 'classifier' ? 1 : 0,
        context: rows - offset,
      },
    };
  },

  weights(config) {
    const attention = 'longformer.encoder.layer.*.attention.self';
    return robertaWeights('longformer', config, {
      'layers.*.attention.globalQ': `${attention}.query_global.weight`,
      'layers.*.attention.globalK': `${attention}.key_global.weight`,
      'layers.*.attention.globalV': `${attention}.value_global.weight`,
      'layers.*.attention.globalQ.bias': `${attention}.query_global.bias`,
      'layers.*.attention.globalK.bias': `${attention}.key_global.bias`,
      'layers.*.attention.globalV.bias': `${attention}.value_global.bias`,
    });
  },
  ...robertaExtras('longformer'),
});

/** Tokens to each side in each layer: half of `attention_window`, a number or one a layer. */
function windowsOf(fields: ConfigFields, layers: number): readonly number[] {
  const said = fields.get('attention_window') ?? 512;
  const widths: readonly unknown[] = Array.isArray(said) ? said : Array(layers).fill(said);
  const fits = (width: unknown): width is number =>
    Number.isSafeInteger(width) && (width as number) > 0 && (width as number) % 2 === 0;
  if (widths.length === layers && widths.every(fits)) return widths.map((width) => width / 2);
  fields.problems.push(
    `attention_window must be an even number > 0, or a list of ${layers}, one a layer, it is ${shown(said)}`,
  );
  return Array<number>(layers).fill(1);
}
