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
  const tolerances = tolerancesOf(metadata, outputs);
  const general = { atol: number(metadata, 'atol'), rtol: number(metadata, 'rtol') };
  return {
    file,
    op,
    name: name ?? file,
    attributes: json(metadata, 'attributes', {}) as Record<string, unknown>,
    features: json(metadata, 'features', []) as string[],
    inputs: withPrefix(tensors, 'input.'),
    outputs,
    tolerance: (output) => ({ ...general, ...tolerances.get(output) }),
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

/** Tolerances of single outputs, where they differ from the case's. */
function tolerancesOf(
  metadata: Readonly<Record<string, string>>,
  outputs: Readonly<Record<string, HostTensor>>,
): ReadonlyMap<string, { readonly atol?: number; readonly rtol?: number }> {
  const given = Object.entries(json(metadata, 'tolerances', {}) as Record<string, unknown>);
  for (const [output, tolerance] of given) {
    const where = `tolerances in its header: ${JSON.stringify(output)}`;
    if (!Object.hasOwn(outputs, output))
      throw new FormatError(FORMAT, `${where} is no output; there are ${Object.keys(outputs).join(', ')}`);
    if (typeof tolerance !== 'object' || tolerance === null || Array.isArray(tolerance))
      throw new FormatError(
        FORMAT,
        `${where} must be an object with atol or rtol, it is ${JSON.stringify(tolerance)}`,
      );
    for (const [key, value] of Object.entries(tolerance)) {
      if (key !== 'atol' && key !== 'rtol')
        throw new FormatError(FORMAT, `${where} has ${JSON.stringify(key)}; only atol and rtol are known`);
      if (typeof value !== 'number' || !(value >= 0 && value < Infinity))
        throw new FormatError(
          FORMAT,
          `${where}: ${key} must be a number ≥ 0, it is ${JSON.stringify(value)}`,
        );
    }
  }
  return new Map(given as [string, object][]);
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
