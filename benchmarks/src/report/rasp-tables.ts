import { formatCount, formatPercent } from '../format.ts';
import { raspEncodings } from '../rasp/encodings.ts';
import { furthest } from '../rasp/findings.ts';
import { BEYOND, bestOf, DONE, judgeRasp, type RaspLine, raspLines } from '../rasp/summary.ts';
import { tasks } from '../rasp/tasks.ts';
import type { Results } from '../results.ts';
import type { ReportTable } from './table.ts';

/** Which algorithms follow the paper's conjecture, and the right answers of every task and encoding by length. */
export function raspTables(results: Results): ReportTable[] {
  const { rasp } = results;
  if (!rasp || rasp.cells.length === 0) return [];
  const { recipe } = rasp;
  const { layers, E, H, hidden, B, T, seeds, checked } = recipe;
  const lines = raspLines(rasp);
  const outcome = {
    generalises: `beyond ${BEYOND} ×`,
    'does not generalise': `not beyond ${BEYOND} ×`,
    'not learnt': 'not learnt',
    'no result': 'no result',
  } as const;
  return [
    {
      title: 'Which follow the conjecture: what has a short RASP-L program generalises',
      note:
        `Zhou et al. 2023, section 3. Trained up to a length, counted as generalised where at least ${formatPercent(DONE)} of the answers are right, whole, ` +
        `at every checked length to beyond ${BEYOND} times that; the encoding that reaches furthest. E=${E} H=${H} layers=${layers} feed-forward=${hidden}; ` +
        `rows of ${T} tokens, ${B} a step, ${seeds.length === 1 ? 'one seed' : `${seeds.length} seeds`}, ${checked} texts of each length. The paper’s models are a hundred times larger.`,
      head: [
        'task',
        'RASP-L program',
        'the paper',
        'expected here',
        'came out',
        'as the paper?',
        'where not, or where it says little',
      ],
      rows: judgeRasp(rasp).map(({ task, outcome: came, best, by, asThePaper, why }) => [
        `${task.title}: ${task.shown}`,
        task.short ? 'yes' : 'none known',
        task.theirs,
        `${task.expects.generalises ? 'generalises' : 'does not'}: ${task.expects.why}`,
        [
          outcome[came],
          best && furthest(best),
          by.length > 1 &&
            `also ${by
              .filter((name) => name !== best?.encoding)
              .map(titleOf)
              .join(', ')}`,
        ]
          .filter(Boolean)
          .join(' '),
        asThePaper,
        why,
      ]),
    },
    {
      title: 'Right answers by length',
      note: `Of texts of each length, in lengths of training, those whose whole answer is right${seeds.length > 1 ? '; mean over seeds [least, most]' : ''}; the best encoding of a task has ◇.`,
      head: [
        'task',
        'positions',
        'trained to',
        'steps',
        ...recipe.times.map((times) => `${times} ×`),
        'weights',
      ],
      rows: tasks.flatMap(({ name }) => {
        const own = lines.filter(({ task }) => task === name);
        const best = bestOf(own);
        return own.map((line) => rowOf(results, line, line === best));
      }),
    },
  ];
}

function rowOf({ rasp }: Results, line: RaspLine, isBest: boolean): string[] {
  const { length, steps } = rasp!.recipe.tasks[line.task]!;
  const title = tasks.find(({ name }) => name === line.task)?.title ?? line.task;
  const shares = line.points.map(({ share, low, high }) =>
    line.done.length === 1
      ? formatPercent(share)
      : `${formatPercent(share)} [${formatPercent(low)}, ${formatPercent(high)}]`,
  );
  return [
    title,
    `${titleOf(line.encoding)}${isBest ? ' ◇' : ''}`,
    String(length),
    formatCount(steps),
    ...(shares.length > 0
      ? shares
      : rasp!.recipe.times.map((_, i) => (i === 0 ? line.reasons.join('; ') : ''))),
    line.done[0] ? formatCount(line.done[0].parameters!) : '',
  ];
}

function titleOf(encoding: string): string {
  return raspEncodings.find(({ name }) => name === encoding)?.title ?? encoding;
}
