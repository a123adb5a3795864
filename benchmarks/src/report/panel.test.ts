import { expect, it } from 'vitest';
import { lineOnly } from './palette.ts';
import { linearTicks, panelsOption } from './panel.ts';

it('draws what has an end, on an axis that ends', () => {
  const points = [
    { x: 2, y: 0, xInterval: { low: 1, high: 4 } },
    { x: 3, y: 1, xInterval: { low: 1, high: Infinity } },
    { x: Infinity, y: 2, xInterval: { low: 2, high: Infinity } },
  ];
  const option = panelsOption([
    {
      box: { left: 0, top: 0, width: 100, height: 100 },
      x: { title: '', format: String, scale: 'decimal' },
      y: { title: '', format: String, scale: 'linear' },
      series: [{ label: '', mark: lineOnly, scattered: true, points }],
    },
  ]);
  expect(option.xAxis).toMatchObject([{ min: 1, max: 5 }]);
  expect(option.series).toMatchObject([
    {
      data: [
        [2, 0],
        [3, 1],
      ],
    },
    { data: [[1, 0, 4, 0]] },
  ]);
});

it.each([
  [1.2086, 1.2294, ['1.210', '1.215', '1.220', '1.225']],
  [0, 3.05, ['0.0', '0.5', '1.0', '1.5', '2.0', '2.5', '3.0']],
  [0, 1000, ['0', '200', '400', '600', '800', '1000']],
  [-0.3, 0.3, ['-0.3', '-0.2', '-0.1', '0.0', '0.1', '0.2', '0.3']],
])('writes ticks from %d to %d that are told apart', (low, high, written) => {
  const { ticks, format } = linearTicks(low, high);
  expect(ticks.map(format)).toEqual(written);
});
