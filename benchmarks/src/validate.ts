import type { Claims } from './quality/claims/contract.ts';
import { type Results, SCHEMA } from './results.ts';

/** A results file that this program cannot read, and why. */
export class ResultsError extends Error {
  override readonly name = 'ResultsError';
}

type Kind = 'string' | 'number' | 'boolean' | 'object' | 'array';

/**
 * Reads a results file: its version first, then every field that the report and the comparison rely on.
 *
 * @param name the file, for the message.
 * @throws {ResultsError} naming the field and what was found.
 */
export function parseResults(text: string, name: string): Results {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new ResultsError(
      `${name} is not JSON: ${(error as Error).message}. It may have been cut off; run the benchmark again.`,
    );
  }
  return validateResults(value, name);
}

/**
 * @throws {ResultsError} if `value` is not results of this schema version.
 */
export function validateResults(value: unknown, name: string): Results {
  const need: Need = (holder, path, fields) => {
    const place = path === '' ? 'the file' : path;
    if (kindOf(holder) !== 'object')
      throw new ResultsError(`${name}: ${place} must be an object, it is ${kindOf(holder)}`);
    for (const [field, kind] of Object.entries(fields)) {
      const got = kindOf((holder as Record<string, unknown>)[field]);
      if (got !== kind)
        throw new ResultsError(
          `${name}: ${path === '' ? field : `${path}.${field}`} must be ${kind}, it is ${got}`,
        );
    }
  };
  checkVersion(value, name);
  need(value, '', {
    startedAt: 'string',
    seconds: 'number',
    partial: 'boolean',
    profile: 'string',
    seed: 'number',
    machine: 'object',
    devices: 'array',
    variants: 'array',
    rows: 'array',
    states: 'array',
    memory: 'array',
  });
  const results = value as Results;
  need(results.machine, 'machine', { cpu: 'string', cores: 'number', system: 'string', runtime: 'string' });
  results.devices.forEach((device, i) => {
    need(device, `devices[${i}]`, { name: 'string', emulated: 'boolean', details: 'object' });
  });
  results.variants.forEach((variant, i) => {
    need(variant, `variants[${i}]`, {
      name: 'string',
      title: 'string',
      order: 'number',
      baseline: 'boolean',
    });
  });
  const seen = new Set<string>();
  results.rows.forEach((row, i) => {
    need(row, `rows[${i}]`, {
      id: 'string',
      suite: 'string',
      device: 'string',
      subject: 'string',
      comparison: 'string',
      phase: 'string',
      context: 'number',
      batch: 'number',
      group: 'string',
      status: 'string',
      samples: 'array',
    });
    if (seen.has(row.id)) throw new ResultsError(`${name}: two rows have the id ${row.id}`);
    seen.add(row.id);
    row.samples.forEach((sample, j) => {
      need(sample, `rows[${i}].samples[${j}]`, { round: 'number', ms: 'number' });
    });
    if (row.status === 'ok' && row.samples.length === 0)
      throw new ResultsError(`${name}: rows[${i}] (${row.id}) is ok and has no samples`);
  });
  if (results.quality !== undefined) {
    need(results.quality, 'quality', { recipe: 'object', plan: 'array', cells: 'array' });
    results.quality.cells.forEach((cell, i) => {
      const where = `quality.cells[${i}]`;
      need(cell, where, {
        id: 'string',
        subject: 'string',
        comparison: 'string',
        seed: 'number',
        status: 'string',
      });
      if (cell.status === 'ok')
        need(cell, where, { nats: 'number', kv: 'object', curve: 'array', parameters: 'number' });
    });
  }
  if (results.claims !== undefined) validateClaims(results.claims, need);
  if (results.rasp !== undefined) {
    need(results.rasp, 'rasp', { recipe: 'object', plan: 'array', cells: 'array' });
    need(results.rasp.recipe, 'rasp.recipe', { tasks: 'object', times: 'array', seeds: 'array' });
    results.rasp.cells.forEach((cell, i) => {
      const where = `rasp.cells[${i}]`;
      need(cell, where, {
        id: 'string',
        task: 'string',
        encoding: 'string',
        seed: 'number',
        status: 'string',
      });
      if (cell.status === 'ok') need(cell, where, { right: 'object', curve: 'array', parameters: 'number' });
    });
  }
  return results;
}

type Need = (holder: unknown, path: string, fields: Readonly<Record<string, Kind>>) => void;

function validateClaims(claims: unknown, need: Need): asserts claims is Claims {
  need(claims, 'claims', { recipe: 'object', plan: 'array', cells: 'array' });
  const { recipe, cells } = claims as Claims;
  need(recipe, 'claims.recipe', {
    shape: 'object',
    text: 'object',
    T: 'number',
    steps: 'number',
    seeds: 'array',
  });
  cells.forEach((cell, i) => {
    const where = `claims.cells[${i}]`;
    need(cell, where, { id: 'string', seed: 'number', results: 'object' });
    for (const [name, result] of Object.entries(cell.results)) {
      const path = `${where}.results[${JSON.stringify(name)}]`;
      need(result, path, { status: 'string' });
      if (result.status === 'ok') need(result, path, { nats: 'number', kvPerToken: 'number' });
    }
  });
}

function checkVersion(value: unknown, name: string): void {
  const schema = kindOf(value) === 'object' ? (value as { schema?: unknown }).schema : undefined;
  const { name: format, version } = (kindOf(schema) === 'object' ? schema : {}) as Partial<typeof SCHEMA>;
  if (format !== SCHEMA.name) {
    throw new ResultsError(
      `${name} is not a results file of this benchmark: schema.name must be "${SCHEMA.name}", it is ${JSON.stringify(format)}`,
    );
  }
  if (version !== SCHEMA.version) {
    throw new ResultsError(
      `${name} has schema version ${JSON.stringify(version)}, this program reads version ${SCHEMA.version}. ` +
        'Read it with the program that wrote it, or run the benchmark again.',
    );
  }
}

function kindOf(value: unknown): Kind | 'null' | 'undefined' | 'function' {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  return typeof value as Kind;
}
