import type { Claims } from './quality/claims/contract.ts';
import type { Quality } from './quality/contract.ts';
import type { RaspResults } from './rasp/contract.ts';
import type { Sample, Summary } from './statistics.ts';

/** Name and version of the file format. A change that an older reader would misread raises the version. */
export const SCHEMA = { name: 'headwise-bench', version: 2 } as const;

export type SuiteName = 'attention' | 'cache' | 'model' | 'memory' | 'device' | 'quality' | 'claims' | 'rasp';

/**
 * What is held equal between variants. The two are never mixed: a ratio is only taken between rows of the same.
 * `equal-shape`: same heads and widths. `equal-parameters`: the feed-forward width makes up for the weights that
 * the attention saves or costs. `same-work`: the same operation on every device or cache.
 */
export type Comparison = 'equal-shape' | 'equal-parameters' | 'same-work';

/**
 * `ok`: timed. `failed`: wrong or threw, so not timed. `does-not-fit`: more memory than there is. `too-slow`: one call
 * would take longer than the run allows. `unsupported`: the reason says why it cannot be timed. `not-reached`: the run
 * ended before.
 */
export type RowStatus = 'ok' | 'failed' | 'does-not-fit' | 'too-slow' | 'unsupported' | 'not-reached';

/** The comparison with the float64 reference that came before the clock. */
export interface CheckReport {
  readonly passed: boolean;
  /** What was compared: `prefill 64, 65 whole; decode 256, 257`. */
  readonly cases: readonly string[];
  /** Largest |got − want|, and where. */
  readonly worst: number;
  readonly worstAt: string;
  readonly tolerance: { readonly atol: number; readonly rtol: number };
  /** Why it failed. */
  readonly reason?: string;
}

/** Useful work of one call; formulas in the report. Bytes are of 4-byte numbers, as the devices hold them. */
export interface Work {
  /** Tokens that come out of one call (prefill: B·L, decode: B). */
  readonly tokens: number;
  /** Multiply and add counted as two; causal and windowed pairs once and only when seen. */
  readonly flops: number;
  /** Of these, between queries and keys and between weights and values. */
  readonly attentionFlops: number;
  /** Read from caches. */
  readonly stateBytes: number;
  /** Read of weights. */
  readonly weightBytes: number;
}

/** Bytes of the caches of one row: what the formula says, and what the device counted when they were made. */
export interface KvBytes {
  /** Numbers that one more token adds over the layers, before any window is full. */
  readonly elementsPerToken: number;
  /** Of the rows, from the variant's `kv()`. */
  readonly formulaBytes: number;
  /** Of positions that a window notes for its slots, computed. */
  readonly slotBytes: number;
  /** Counted by the device; equal to the two together. */
  readonly allocatedBytes: number;
}

/** One line of the measurement. */
export interface Row {
  /** `attention/gpujs:webasm/equal-shape/decode/4096/b1/multi-query`; unique, the same in every run. */
  readonly id: string;
  readonly suite: SuiteName;
  /** As asked for. */
  readonly device: string;
  /** The engine that really ran, as it reports itself. */
  readonly engine?: string;
  /** A GPU that is software: its times say nothing about a GPU. */
  readonly emulated: boolean;
  /** Name of the variant, cache or operation. */
  readonly subject: string;
  readonly comparison: Comparison;
  /** `prefill`, `decode`, `append`, … */
  readonly phase: string;
  /** Tokens in the context (prefill: of the prompt; decode: before the step). */
  readonly context: number;
  /** Sequences. */
  readonly batch: number;
  /** `E H D layers`, and for models `hidden V`. */
  readonly shape: Readonly<Record<string, number>>;
  /** The variant's options as used. */
  readonly options: Readonly<Record<string, unknown>>;
  /** Rows of one group were interleaved and are compared with each other. */
  readonly group: string;
  /** Id of the row this one is divided by; absent for the baseline itself. */
  readonly baseline?: string;
  /** The baseline once more, as a control: its ratio must be 1. */
  readonly control?: true;
  readonly status: RowStatus;
  /** Why there is no time. */
  readonly reason?: string;
  readonly check?: CheckReport;
  /** Calls timed together to one sample, so that the clock's step does not matter. */
  readonly calls: number;
  /** First call of every visit, compilation and set-up included: never in the summary. */
  readonly warmup: readonly number[];
  /** Net of `waitMs`. */
  readonly samples: readonly Sample[];
  /** Waiting for the device when it has nothing to do (on WebGL a read-back): taken off each call. */
  readonly waitMs?: number;
  readonly summary?: Summary;
  readonly work?: Work;
  readonly kv?: KvBytes;
  /** Most bytes the device held during a call, weights included. */
  readonly peakBytes?: number;
  /** Weights of the variant at this shape. */
  readonly parameters?: number;
}

/** A measured limit of an engine, against which rows stand. */
export interface Limit {
  /** GFLOP/s or GB/s. */
  readonly rate?: Summary;
  readonly samples: readonly number[];
  /** Why there is none. */
  readonly reason?: string;
}

/** One device of the run. */
export interface DeviceFacts {
  readonly name: string;
  readonly engine?: string;
  readonly emulated: boolean;
  readonly details: Readonly<Record<string, string>>;
  /** Why it was not used. */
  readonly unavailable?: string;
  /** Multiply-adds of numbers in registers, and reads of one large array, both in the same engine. */
  readonly limits?: { readonly fma: Limit; readonly read: Limit };
}

/** One variant of the run. */
export interface VariantFacts {
  readonly name: string;
  readonly title: string;
  readonly summary: string;
  readonly paper: string;
  /** What one of its storing layers keeps a token at the timed shape: `k [2, 16], v [2, 16]`. */
  readonly keeps?: string;
  /** Place in the registry, which gives it its colour and shape in every chart. */
  readonly order: number;
  readonly baseline: boolean;
  /** From a file given with `--variant`. */
  readonly outside: boolean;
}

/** What one layer of a variant stores and reads at one context: where sharing shows. */
export interface LayerFacts {
  readonly layer: number;
  readonly kind: string;
  /** The earlier layer whose cache it reads. */
  readonly producer?: number;
  readonly storedBytes: number;
  /** Read from a cache (own or shared) by one decode step. */
  readonly readBytes: number;
  /** Weights of the layer's attention. */
  readonly parameters: number;
}

/** What a variant stores and reads, from its `kv()` and `cost()`, for one sequence. */
export interface StateFacts {
  readonly subject: string;
  /** Bytes of all layers of the timed stack by context: the line in the chart of KV bytes. */
  readonly curve: Readonly<Record<string, number>>;
  /** Where `layers` was computed. */
  readonly context: number;
  readonly layers: readonly LayerFacts[];
  /** What a device counted for all layers together. */
  readonly allocatedBytes?: number;
  readonly device?: string;
}

/** KV memory of a named real configuration, or of a variant at its shape. */
export interface MemoryRow {
  readonly config: string;
  /** `published`: as the model is. Else the variant, at the model's width, heads and depth. */
  readonly subject: string;
  readonly source: string;
  readonly elementsPerToken: number;
  /** By context: numbers held for one sequence. */
  readonly elements: Readonly<Record<string, number>>;
  /** A published figure of bytes per token at 16 bit, where there is one. */
  readonly publishedBytesPerToken?: number;
  readonly allocated?: {
    readonly device: string;
    readonly context: number;
    readonly formulaBytes: number;
    readonly allocatedBytes: number;
  };
  readonly reason?: string;
}

/** Where and on what it ran. */
export interface MachineFacts {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryBytes?: number;
  readonly system: string;
  readonly runtime: string;
  /** 1, 5 and 15 minutes, at the start of the run. */
  readonly loadAverage?: readonly number[];
  /** Step of the clock in milliseconds, measured. */
  readonly clockStepMs: number;
  /** Browser: whether threads and the fine clock are allowed. */
  readonly isolated?: boolean;
  readonly visibility?: string;
  readonly commit?: string;
  readonly uncommitted?: boolean;
  readonly versions: Readonly<Record<string, string>>;
}

/** `results.json`. */
export interface Results {
  readonly schema: { readonly name: string; readonly version: number };
  readonly startedAt: string;
  readonly seconds: number;
  /** The run was interrupted; what is here was measured in full. */
  readonly partial: boolean;
  readonly profile: string;
  readonly seed: number;
  readonly command: string;
  readonly machine: MachineFacts;
  readonly devices: readonly DeviceFacts[];
  readonly variants: readonly VariantFacts[];
  readonly rows: readonly Row[];
  readonly states: readonly StateFacts[];
  readonly memory: readonly MemoryRow[];
  /** Trainings, where the suite ran. */
  readonly quality?: Quality;
  /** What the papers say, tried small, where the suite ran. */
  readonly claims?: Claims;
  /** Which algorithms generalise to longer texts, where the suite ran. */
  readonly rasp?: RaspResults;
}
