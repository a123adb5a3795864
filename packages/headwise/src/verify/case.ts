import { FormatError, type HostTensor, readSafetensors } from '@headwise/models';
import type { VerifyCase } from './contract.ts';

const FORMAT = 'conformance case';

/** A file that is no case at all: it says of no operator that it is one. Folders may hold such files. */
export class NoCase extends Error {
  override readonly name = 'NoCase';
}

/**
 * Reads one conformance case: a safetensors file with `input.*` and `output.*` tensors, whose header names the
 * operator, its attributes and the tolerance.
 *
 * @throws {FormatError} if the file is damaged, or its header contradicts itself.
 * @throws {NoCase} if it is a safetensors file without `op`.
 */
export function readCase(file: string, bytes: Uint8Array): VerifyCase {
  const { metadata, tensors } = readSafetensors(bytes);
  const { op, case: name } = metadata;
  if (!op) throw new NoCase('its header has no "op", so it is no conformance case');
  const outputs = withPrefix(tensors, 'output.');
  if (Object.keys(outputs).length === 0) throw new FormatError(FORMAT, 'it has no tensor named output.…');
  const tolerances = json(metadata, 'tolerances', {}) as Record<string, { atol?: number; rtol?: number }>;
  const general = { atol: number(metadata, 'atol'), rtol: number(metadata, 'rtol') };
  return {
    file,
    op,
    name: name ?? file,
    attributes: json(metadata, 'attributes', {}) as Record<string, unknown>,
    features: json(metadata, 'features', []) as string[],
    inputs: withPrefix(tensors, 'input.'),
    outputs,
    tolerance: (output) => ({ ...general, ...tolerances[output] }),
  };
}

function withPrefix(
  tensors: ReadonlyMap<string, HostTensor>,
  prefix: string,
): Readonly<Record<string, HostTensor>> {
  return Object.fromEntries(
    [...tensors].flatMap(([name, tensor]) =>
      name.startsWith(prefix) ? [[name.slice(prefix.length), tensor]] : [],
    ),
  );
}

function json(metadata: Readonly<Record<string, string>>, key: string, absent: object): unknown {
  const text = metadata[key];
  if (text === undefined) return absent;
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && Array.isArray(value) === Array.isArray(absent))
      return value;
  } catch {
    // reported below, as text that parses to something else is
  }
  const kind = Array.isArray(absent) ? 'a list' : 'an object';
  throw new FormatError(FORMAT, `${key} in its header must be JSON text of ${kind}, it is ${text}`);
}

function number(metadata: Readonly<Record<string, string>>, key: string): number {
  const value = Number(metadata[key] ?? Number.NaN);
  if (value >= 0 && value < Infinity) return value;
  throw new FormatError(FORMAT, `${key} in its header must be a number ≥ 0, it is ${metadata[key]}`);
}
