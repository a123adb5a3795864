/** What `headwise train --example` knows. */
export const examples: Readonly<Record<string, { readonly title: string; readonly config: object }>> = {
  reversal: {
    title: 'learns to say six digits backwards',
    config: {
      model: {
        model_type: 'llama',
        hidden_size: 32,
        intermediate_size: 64,
        num_hidden_layers: 2,
        num_attention_heads: 2,
        num_key_value_heads: 1,
        max_position_embeddings: 64,
        tie_word_embeddings: true,
      },
      data: { task: 'reversal', length: 6, symbols: 10 },
      batch: 32,
      steps: 300,
      optimizer: { name: 'adamw', clip: 1 },
      rate: { schedule: 'cosine', peak: 0.008, warmup: 20 },
      evaluate: { every: 100, batches: 2 },
      out: 'runs/reversal',
    },
  },
  transformer: {
    title: 'the original Transformer reads digits and writes them backwards',
    config: {
      model: {
        model_type: 'transformer',
        hidden_size: 32,
        num_attention_heads: 4,
        intermediate_size: 64,
        encoder_layers: 1,
        decoder_layers: 1,
      },
      data: { task: 'reversal', length: 6, symbols: 10 },
      batch: 32,
      steps: 500,
      optimizer: { name: 'adamw', beta2: 0.98, clip: 1 },
      rate: { schedule: 'cosine', peak: 0.01, warmup: 50 },
      evaluate: { every: 100, batches: 2 },
      out: 'runs/transformer',
    },
  },
};
