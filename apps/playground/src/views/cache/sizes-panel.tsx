import { useRef } from 'preact/hooks';
import { Select, Slider } from '../../ui/fields.tsx';
import { Figure, type TableData } from '../../ui/figure.tsx';
import { LineChart } from '../../ui/line-chart.tsx';
import { Note } from '../../ui/live.tsx';
import { bytesText } from '../../ui/meter.tsx';
import type { ViewProps } from '../../view.ts';
import { useAnswer } from '../use-answer.ts';
import type { SizePicture } from './picture.ts';

type Props = Pick<ViewProps<{ model: string; context: number }>, 'state' | 'engine'>;

const number = new Intl.NumberFormat('en');

/** Published models, to a million tokens. */
export function Sizes({ state, engine, models }: Props & { readonly models: readonly string[] }) {
  const chart = useRef<SVGSVGElement>(null);
  const { result, problem } = useAnswer<SizePicture>(engine, 'cache.sizes', {
    model: state.model.value,
    tokens: state.context.value,
  });
  const count = state.context.value.toLocaleString('en');
  const [own, ...variants] = result?.lines ?? [];
  return (
    <section class="panel stack">
      <h2>A real model, to a million tokens</h2>
      <div class="row">
        <Select
          label="Model"
          value={state.model.value}
          options={[...new Set([...models, state.model.value])].map((name) => ({ value: name, label: name }))}
          onChange={(name) => {
            state.model.value = name;
          }}
        />
        <Slider
          label="Context"
          value={Math.log2(state.context.value)}
          min={8}
          max={20}
          step={0.25}
          text={`${count} tokens`}
          onChange={(value) => {
            state.context.value = Math.round(2 ** value);
          }}
        />
      </div>
      {problem && <Note kind="problem" text={problem} />}
      {result && own && (
        <>
          <p class="sentence" data-size={own.bytes}>
            {result.model} keeps {bytesText(own.bytes)} for {count} tokens at 16 bit, {times(own.less)} less
            than multi-head attention of its shape. <span class="muted small">({result.source})</span>
          </p>
          <p class="formula">
            <code data-formula>{own.formula}</code>
          </p>
          <Figure
            title="Bytes of keys and values by context"
            caption="From config alone, by the formula the allocator uses. Both axes double with every step. Variants that keep the same share a line; × says how many times less than multi-head attention at the chosen context."
            table={() => sizeTable(result)}
            exports={{
              name: `kv-bytes-${result.model}`,
              picture: () => chart.current,
              numbers: () => result,
            }}
          >
            <LineChart
              svg={chart}
              label={`Bytes of keys and values of ${result.model} and of each variant in its shape, by context`}
              series={[own, ...variants].slice(0, 8).map((line) => ({
                name: `${times(line.less)} ${line.published ? 'as published' : short(line.name)}`,
                points: line.points.map(([tokens, bytes]) => [tokens, Math.max(1, bytes)] as const),
                ...(line.published && { color: 'var(--text)', dash: '' }),
              }))}
              x={{ title: 'tokens', scale: 'log2', format: tokensText }}
              y={{ title: 'bytes', scale: 'log2', format: bytesText }}
              mark={state.context.value}
              room={190}
            />
          </Figure>
        </>
      )}
    </section>
  );
}

function sizeTable({ lines, tokens }: SizePicture): TableData {
  return {
    columns: ['kept by', `bytes at ${number.format(tokens)} tokens`, 'less than multi-head', 'formula'],
    rows: lines.map(({ name, bytes, less, formula }) => [name, number.format(bytes), times(less), formula]),
  };
}

/** The first of several, and how many more. */
function short(name: string): string {
  const [first, ...more] = name.split(', ');
  return more.length > 0 ? `${first} +${more.length}` : first!;
}

function times(less: number): string {
  if (!Number.isFinite(less)) return '∞×';
  return `${less >= 100 ? Math.round(less).toLocaleString('en') : Number(less.toPrecision(3))}×`;
}

function tokensText(tokens: number): string {
  if (tokens >= 2 ** 20) return `${tokens / 2 ** 20}M`;
  return tokens >= 1024 ? `${tokens / 1024}K` : String(tokens);
}
