import { numbersOf, type Safetensors } from '../formats/safetensors.ts';

/** One output of a model beside what it must be. */
export interface GoldenOutput {
  /** `logits`, `padded.logits`, `hidden.2`, `attn.0`, `greedy.ids` */
  readonly name: string;
  readonly got: ArrayLike<number>;
  readonly want: ArrayLike<number>;
  /** 0 and 0 for ids, which must be the same. */
  readonly tolerance: { readonly atol: number; readonly rtol: number };
}

/** What stands in a folder beside a checkpoint: `golden.json` and `golden.safetensors`. */
export class Golden {
  readonly json: Readonly<Record<string, unknown>>;
  readonly #file: Safetensors;

  constructor(json: unknown, file: Safetensors) {
    this.json = json as Readonly<Record<string, unknown>>;
    this.#file = file;
  }

  get names(): readonly string[] {
    return [...this.#file.tensors.keys()];
  }

  /** Never throws. */
  has(name: string): boolean {
    return this.#file.tensors.has(name);
  }

  /** @throws {Error} if there is none of that name. */
  numbers(name: string): number[] {
    const found = this.#file.tensors.get(name);
    if (!found) throw new Error(`golden.safetensors has no ${name}`);
    return Array.from(numbersOf(found), Number);
  }

  /** Never throws. */
  shape(name: string): readonly number[] {
    return this.#file.tensors.get(name)?.shape ?? [];
  }

  /** The tokens of each row of `input.ids` that are no padding. @throws {Error} as `numbers`. */
  rows(ids = 'input.ids', mask = 'input.attention_mask'): number[][] {
    const [B = 0, L = 0] = this.shape(ids);
    const all = this.numbers(ids);
    const real = this.has(mask) ? this.numbers(mask) : all.map(() => 1);
    return Array.from({ length: B }, (_, b) =>
      all.slice(b * L, (b + 1) * L).filter((_, l) => real[b * L + l] === 1),
    );
  }

  /** Numbers within the tolerance of the folder. @throws {Error} as `numbers`. */
  close(name: string, got: ArrayLike<number>, want: ArrayLike<number> = this.numbers(name)): GoldenOutput {
    const { f32 } = this.json.tolerance as { f32: { atol: number; rtol: number } };
    return { name, got, want, tolerance: f32 };
  }

  /** Ids, which must be the same. @throws {Error} as `numbers`. */
  same(name: string, got: ArrayLike<number>, want: ArrayLike<number> = this.numbers(name)): GoldenOutput {
    return { name, got, want, tolerance: { atol: 0, rtol: 0 } };
  }
}
