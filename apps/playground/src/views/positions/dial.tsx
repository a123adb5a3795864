import type { Dial as DialPicture } from './picture.ts';

const RADIUS = 80;

/** One pair of numbers of a query and of a key, each turned to where it stands. */
export function Dial({ dial, m, n }: { readonly dial: DialPicture; readonly m: number; readonly n: number }) {
  const { pair, frequency, query, key } = dial;
  const between = query - key;
  const label = `Pair ${pair}: the query at position ${m} is turned by ${degrees(query)}, the key at ${n} by ${degrees(key)}; ${degrees(between)} lie between them.`;
  const hand = (angle: number, length: number): { x2: number; y2: number } => ({
    x2: length * Math.cos(angle),
    y2: -length * Math.sin(angle),
  });
  const arc = Math.min(Math.abs(between), 2 * Math.PI - 1e-3);
  const from = Math.min(query, key);
  const [start, end] = [hand(from, 34), hand(from + arc, 34)];
  return (
    <div class="dial">
      <svg viewBox="-110 -100 220 200" role="img" aria-label={label}>
        <circle r={RADIUS} class="dial-ring" />
        {Array.from({ length: 12 }, (_, i) => {
          const angle = (i * Math.PI) / 6;
          const outer = hand(angle, RADIUS);
          const inner = hand(angle, RADIUS - 6);
          return <line key={i} class="dial-tick" x1={inner.x2} y1={inner.y2} x2={outer.x2} y2={outer.y2} />;
        })}
        <path
          class="dial-arc"
          d={`M ${start.x2} ${start.y2} A 34 34 0 ${arc > Math.PI ? 1 : 0} 0 ${end.x2} ${end.y2}`}
        />
        <line class="dial-q" {...hand(query, RADIUS)} />
        <line class="dial-k" {...hand(key, RADIUS)} />
        <text x={hand(query, 95).x2} y={hand(query, 95).y2 + 4} text-anchor="middle">
          q
        </text>
        <text x={hand(key, 95).x2} y={hand(key, 95).y2 + 4} text-anchor="middle">
          k
        </text>
      </svg>
      <dl class="facts">
        <div>
          <dt>turn a position</dt>
          <dd>{degrees(frequency)}</dd>
        </div>
        <div>
          <dt>once round in</dt>
          <dd>{frequency === 0 ? 'never' : `${wavelength(frequency)} positions`}</dd>
        </div>
        <div>
          <dt>q at {m}</dt>
          <dd>{degrees(query)}</dd>
        </div>
        <div>
          <dt>k at {n}</dt>
          <dd>{degrees(key)}</dd>
        </div>
        <div>
          <dt>between them</dt>
          <dd data-between>{degrees(between)}</dd>
        </div>
      </dl>
    </div>
  );
}

/** Degrees as they are, not brought back to one turn. */
export function degrees(radians: number): string {
  const value = (radians * 180) / Math.PI;
  const digits = Math.abs(value) >= 100 ? 1 : 3;
  return `${Number(value.toFixed(digits)).toLocaleString('en', { maximumFractionDigits: digits }).replace('-', '−')}°`;
}

function wavelength(frequency: number): string {
  return Number(((2 * Math.PI) / frequency).toPrecision(4)).toLocaleString('en');
}
