import { Meter } from '../../ui/meter.tsx';
import type { Frame } from './picture.ts';

const number = new Intl.NumberFormat('en');

/** What the caches take, hold, and were said to take. */
export function Bytes({ frame }: { readonly frame: Frame }) {
  const { states } = frame;
  const sum = (of: (state: Frame['states'][number]) => number): number =>
    states.reduce((total, each) => total + of(each), 0);
  const [used, full, device] = [
    sum(({ bytes }) => bytes.used),
    sum(({ bytes }) => bytes.full),
    sum(({ bytes }) => bytes.device),
  ];
  const predicted = sum((each) => each.predicted.bytes);
  const equal = used === predicted;
  return (
    <div class="stack">
      <h2>Bytes</h2>
      <Meter
        label="used, of all slots"
        value={used}
        max={full}
        text={`${number.format(used)} B of ${number.format(full)} B`}
      />
      <dl class="facts" data-bytes>
        <div>
          <dt>allocated on the device, with positions and views</dt>
          <dd data-allocated={device}>{number.format(device)} B</dd>
        </div>
        <div>
          <dt>used now</dt>
          <dd data-used={used}>{number.format(used)} B</dd>
        </div>
        <div>
          <dt>predicted by the formula</dt>
          <dd data-predicted={predicted}>
            {number.format(predicted)} B{' '}
            <span class={equal ? 'tick' : 'wrong'}>{equal ? '✓ equal' : '✗ not equal'}</span>
          </dd>
        </div>
      </dl>
      <details>
        <summary>The formula of each layer, with its numbers</summary>
        <ul>
          {states.map(({ id, layer, predicted: { formula } }) => (
            <li key={id} class="formula">
              Layer {layer}: <code>{formula}</code>
            </li>
          ))}
        </ul>
      </details>
    </div>
  );
}
