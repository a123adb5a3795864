import { describe, expect, it } from 'vitest';
import { findingsOf } from '../findings.ts';
import { terminalTables } from '../node/terminal.ts';
import { drawCharts } from '../report/charts/index.ts';
import { resultsMarkdown } from '../report/markdown.ts';
import { reportFiles } from '../report/report.ts';
import type { Results } from '../results.ts';
import { sampleResults } from '../testing/sample-results.ts';
import { parseResults } from '../validate.ts';
import type { RaspCell, RaspRecipe } from './contract.ts';
import { raspEncodings } from './encodings.ts';
import { raspFull, raspQuick } from './profile.ts';
import { tasks } from './tasks.ts';

const recipe: RaspRecipe = { ...raspQuick, seeds: [1, 2], encodings: ['none', 't5'] };
const cells = recipe.seeds.flatMap((seed) =>
  recipe.encodings.flatMap((encoding, e) =>
    tasks.map(({ name, short }, t): RaspCell => {
      const id = `rasp/${name}/${encoding}/${seed}`;
      const head = { id, task: name, encoding, seed };
      if (name === 'count' && encoding === 't5')
        return { ...head, status: 'diverged', reason: 'step 7: the loss is NaN' };
      const share = (times: number): number =>
        short && e === 0 ? 1 - 0.01 * seed : Math.max(0, 1.4 - 0.4 * times - 0.1 * (t % 3));
      const lengths = recipe.times.map((times) => [
        Math.round(recipe.tasks[name]!.length * times),
        share(times),
      ]);
      return { ...head, status: 'ok', parameters: 1234, curve: [[1, 2]], right: Object.fromEntries(lengths) };
    }),
  ),
);
const results: Results = {
  ...sampleResults(),
  rows: [],
  states: [],
  memory: [],
  rasp: { recipe, plan: cells.map(({ id }) => id), cells },
};

describe('the report', () => {
  it('has a picture with a panel a task and a line an encoding, and the same numbers as a table', () => {
    const [chart, ...others] = drawCharts(results);
    expect(others).toEqual([]);
    expect(chart!.id).toBe('rasp');
    expect(chart!.title).toBe(
      `Trained on short texts, right on texts more than twice as long: ${tasks
        .filter(({ short }) => short)
        .map(({ title }) => title)
        .join('; ')}`,
    );
    for (const { title } of tasks) expect(chart!.svg).toContain(`>${title}<`);
    expect(chart!.svg).not.toMatch(/NaN|undefined|Infinity/);
    expect(chart!.table.rows).toHaveLength(2 * tasks.length - 1);
    expect(chart!.table.rows[0]).toEqual(['Counting', 'none', ...recipe.times.map(() => '99 %')]);
  });

  it('holds every task against the paper, and says what diverged', () => {
    const html = reportFiles(results).find(({ path }) => path === 'report.html')!.text;
    expect(html).toContain('Longer texts than in training');
    for (const { theirs, expects } of tasks) {
      expect(html).toContain(theirs);
      expect(html).toContain(expects.why);
    }
    const text = terminalTables(results, 200);
    expect(text).toContain('rasp/count/t5/1: diverged: step 7: the loss is NaN');
    expect(text).toMatch(/Sort.*none ◇.*99 % \[98 %, 99 %\]/);
    expect(resultsMarkdown(results)).toContain('## Longer texts than in training');
    expect(findingsOf(results)).toEqual([
      expect.stringMatching(/^Beyond twice the length of training go counting \(99 % at 50, trained to 20/),
    ]);
  });

  it('is made again from a file, which is read with care', () => {
    const text = JSON.stringify(results);
    expect(parseResults(text, 'r.json')).toEqual(results);
    expect(() => parseResults(text.replace('"right":{', '"wrong":{'), 'r.json')).toThrow(
      'r.json: rasp.cells[0].right must be object, it is undefined',
    );
  });
});

it('profiles know every task, and encodings that there are', () => {
  for (const { tasks: own, encodings } of [raspQuick, raspFull]) {
    expect(Object.keys(own).toSorted()).toEqual(tasks.map(({ name }) => name).toSorted());
    for (const name of encodings) expect(raspEncodings.map((one) => one.name)).toContain(name);
  }
  expect(raspFull.encodings).toEqual(raspEncodings.map(({ name }) => name));
});
