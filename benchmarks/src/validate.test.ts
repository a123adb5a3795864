import { describe, expect, it } from 'vitest';
import { sampleResults } from './testing/sample-results.ts';
import { parseResults, ResultsError } from './validate.ts';

const text = (change: (results: ReturnType<typeof copy>) => void = () => {}): string => {
  const results = copy();
  change(results);
  return JSON.stringify(results);
};

// biome-ignore lint/suspicious/noExplicitAny: the tests break the types on purpose
function copy(): any {
  return JSON.parse(JSON.stringify(sampleResults()));
}

const refusal = (input: string): string => {
  try {
    parseResults(input, 'old.json');
  } catch (error) {
    expect(error).toBeInstanceOf(ResultsError);
    return (error as Error).message;
  }
  throw new Error('was accepted');
};

it('reads what it wrote', () => {
  expect(parseResults(text(), 'results.json')).toEqual(copy());
});

describe('refuses, saying why', () => {
  it.each([
    [
      'another version of the schema',
      text((results) => {
        results.schema.version = 1;
      }),
      'old.json has schema version 1, this program reads version 2. Read it with the program that wrote it, or run the benchmark again.',
    ],
    [
      'a file of something else',
      '{"dependencies": {}}',
      'old.json is not a results file of this benchmark: schema.name must be "headwise-bench", it is undefined',
    ],
    [
      'a list',
      '[]',
      'old.json is not a results file of this benchmark: schema.name must be "headwise-bench", it is undefined',
    ],
    [
      'a missing field',
      text((results) => {
        delete results.rows;
      }),
      'old.json: rows must be array, it is undefined',
    ],
    [
      'a field of another type',
      text((results) => {
        results.rows[3].context = '64';
      }),
      'old.json: rows[3].context must be number, it is string',
    ],
    [
      'a sample that is no number',
      text((results) => {
        results.rows[0].samples[2].ms = null;
      }),
      'old.json: rows[0].samples[2].ms must be number, it is null',
    ],
    [
      'a timed row without samples',
      text((results) => {
        results.rows[1].samples = [];
      }),
      'old.json: rows[1] (attention/gpujs:webasm/equal-shape/prefill/256/b1/one-head) is ok and has no samples',
    ],
    [
      'one id twice',
      text((results) => {
        results.rows[1].id = results.rows[0].id;
      }),
      'old.json: two rows have the id attention/gpujs:webasm/equal-shape/prefill/256/b1/plain',
    ],
  ])('%s', (_, input, message) => {
    expect(refusal(input)).toBe(message);
  });

  it('a file that was cut off', () => {
    expect(refusal(text().slice(0, 500))).toMatch(/^old\.json is not JSON: .* run the benchmark again\.$/);
  });
});
