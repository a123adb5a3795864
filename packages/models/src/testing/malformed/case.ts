import { writeSafetensors } from '../../formats/safetensors.ts';
import { json, checkpoint as tensorsOf } from '../checkpoint.ts';

/** The files of a small model with one thing that is odd or wrong. */
export interface Case {
  /** `safetensors: the header claims a byte too many` */
  readonly name: string;
  readonly files: Readonly<Record<string, Uint8Array>>;
  /** The file that is named, where it is no folder. */
  readonly main?: string | undefined;
  /** What the error must name; where there is none the files are valid, if odd, and the model runs. */
  readonly says?: RegExp | undefined;
}

/** Changes of a file by what is wrong with it: the change, and what the error must name. */
export type Changes<Change> = Readonly<Record<string, readonly [change: Change, says?: RegExp]>>;

/** Bytes of a text, or of a value as JSON. */
export function bytes(value: unknown): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(typeof value === 'string' ? value : JSON.stringify(value));
}

/** Several one behind the other. */
export function joined(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** The tensors of the tiny Llama that all cases are made from, and its weights as a file. */
export const tensors = tensorsOf();
export const weights = writeSafetensors(tensors);

/** The folder of that model, with other files. */
export function folder(changes: Readonly<Record<string, unknown>> = {}): Record<string, Uint8Array> {
  const files: Record<string, unknown> = { 'config.json': json, 'model.safetensors': weights, ...changes };
  return Object.fromEntries(
    Object.entries(files)
      .filter(([, content]) => content !== undefined)
      .map(([name, content]) => [name, content instanceof Uint8Array ? content : bytes(content)]),
  );
}

/** A case for each change of one file. */
export function casesOf<Change>(
  kind: string,
  changes: Changes<Change>,
  make: (change: Change) => Pick<Case, 'files' | 'main'>,
): Case[] {
  return Object.entries(changes).map(([name, [change, says]]) => ({
    name: `${kind}: ${name}`,
    ...make(change),
    says,
  }));
}
