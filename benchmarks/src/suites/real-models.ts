import type { LayerShape } from '@headwise/attention-variants';
import type { KvConfig } from '@headwise/kv-cache';

/** A published configuration: what its layers keep, in plain numbers, and the shape that other variants are put in. */
export interface RealModel {
  readonly name: string;
  readonly source: string;
  readonly shape: LayerShape;
  readonly kv: KvConfig;
  /** Bytes a token takes at 16 bit, where the source prints it. */
  readonly bytesPerToken?: number;
}

const cla = 'Brandon et al. 2024, table 1';

/** 1B models of the CLA paper: width 2048, 20 layers. Ks without CLA keep every layer; `share` is the factor. */
function claRow(
  label: string,
  D: number,
  H: number,
  Hkv: number,
  bytesPerToken: number,
  share?: KvConfig['share'],
): RealModel {
  return {
    name: `CLA paper ${label}`,
    source: cla,
    shape: { E: 2048, H, D, layers: 20 },
    kv: { layers: 20, Hkv, D, ...(share !== undefined && { share }) },
    bytesPerToken,
  };
}

const keepEnds = Array.from({ length: 20 }, (_, layer) =>
  layer === 0 || layer === 19 ? layer : layer - ((layer + 1) % 2),
);
const denseFront = Array.from({ length: 20 }, (_, layer) => (layer > 9 && layer < 19 ? 9 : layer));
const denseBack = Array.from({ length: 20 }, (_, layer) => (layer > 1 && layer < 11 ? 1 : layer));

/** Named real configurations, each with where its numbers are from. */
export const realModels: readonly RealModel[] = [
  {
    name: 'Llama-3-8B',
    source: 'config.json of meta-llama/Meta-Llama-3-8B',
    shape: { E: 4096, H: 32, D: 128, layers: 32 },
    kv: { layers: 32, Hkv: 8, D: 128 },
    bytesPerToken: 131_072,
  },
  {
    name: 'Mistral-7B',
    source: 'Jiang et al. 2023, table 1: window 4096 in every layer',
    shape: { E: 4096, H: 32, D: 128, layers: 32 },
    kv: { layers: 32, Hkv: 8, D: 128, window: 4096 },
  },
  {
    name: 'Falcon-7B',
    source: 'config.json of tiiuae/falcon-7b: one key/value head',
    shape: { E: 4544, H: 71, D: 64, layers: 32 },
    kv: { layers: 32, Hkv: 1, D: 64 },
  },
  {
    name: 'Gemma-3-4B',
    source: 'Gemma team 2025: five layers of window 1024 to one full layer',
    shape: { E: 2560, H: 8, D: 256, layers: 34 },
    kv: { layers: 34, Hkv: 4, D: 256, window: 1024, mix: [5, 1] },
  },
  {
    name: 'DeepSeek-V2',
    source: 'DeepSeek-AI 2024, table 1: latent 512, rotary key 64',
    shape: { E: 5120, H: 128, D: 128, layers: 60 },
    kv: { layers: 60, latent: { dc: 512, dR: 64 } },
    bytesPerToken: 69_120,
  },
  claRow('H128-MHA', 128, 16, 16, 163_840),
  claRow('H128-GQA4', 128, 16, 4, 40_960),
  claRow('H128-GQA2', 128, 16, 2, 20_480),
  claRow('H128-MQA', 128, 16, 1, 10_240),
  claRow('H64-MQA', 64, 32, 1, 5120),
  claRow('H46-MQA', 46, 45, 1, 3680),
  claRow('H32-MQA', 32, 64, 1, 2560),
  claRow('H512-MQA-CLA2', 512, 4, 1, 20_480, 2),
  claRow('H256-MQA-CLA2', 256, 8, 1, 10_240, 2),
  claRow('H128-MQA-CLA2', 128, 16, 1, 5120, 2),
  claRow('H90-MQA-CLA2', 90, 22, 1, 3600, 2),
  claRow('H64-MQA-CLA2', 64, 32, 1, 2560, 2),
  claRow('H256-GQA4-CLA2', 256, 8, 4, 40_960, 2),
  claRow('H128-GQA4-CLA2', 128, 16, 4, 20_480, 2),
  claRow('H128-GQA2-CLA2', 128, 16, 2, 10_240, 2),
  claRow('H128-MQA-CLA3', 128, 16, 1, 3584, 3),
  claRow('H128-MQA-CLA4', 128, 16, 1, 2560, 4),
  claRow('H128-MQA-CLA2-KeepEnds', 128, 16, 1, 5632, keepEnds),
  claRow('H128-MQA-CLA2-DenseFront', 128, 16, 1, 5632, denseFront),
  claRow('H128-MQA-CLA2-DenseBack', 128, 16, 1, 5632, denseBack),
];
