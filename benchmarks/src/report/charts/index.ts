import type { Results } from '../../results.ts';
import { distinct, isTimed, placeId, rowsOf } from '../../views.ts';
import type { Chart } from '../draw.ts';
import { devicesChart } from './devices.ts';
import { controlChart } from './forest.ts';
import { kvBytesChart } from './kv-bytes.ts';
import { layersChart } from './layers.ts';
import { learningChart, qualityChart } from './quality.ts';
import { raspChart } from './rasp.ts';
import { rooflineChart } from './roofline.ts';
import { timeChart } from './time.ts';
import { tradeOffChart } from './trade-off.ts';

/** Every chart that the results have data for, in the order of the report. */
export function drawCharts(results: Results): Chart[] {
  const attention = rowsOf(results, { suite: 'attention' }).filter(isTimed);
  const places = distinct(attention, placeId).map((id) => attention.find((row) => placeId(row) === id)!);
  const phases = distinct(attention, ({ phase }) => phase);
  return [
    kvBytesChart(results),
    layersChart(results),
    ...phases.flatMap((phase) => places.map((place) => timeChart(results, phase, place))),
    ...places.map((place) => tradeOffChart(results, place)),
    devicesChart(results),
    ...places.map((place) => rooflineChart(results, place)),
    controlChart(results),
    ...qualityCharts(results),
    raspChart(results),
  ].filter((chart) => chart !== undefined);
}

function qualityCharts(results: Results): (Chart | undefined)[] {
  const comparisons = distinct(results.quality?.cells ?? [], ({ comparison }) => comparison);
  return comparisons.flatMap((comparison) => [
    qualityChart(results, comparison),
    learningChart(results, comparison),
  ]);
}
