import { useMemo, useRef } from 'preact/hooks';
import type { Trace } from '../../engine/attention/trace.ts';
import { Thumbnail } from '../../ui/heatmap.tsx';

/** Every head of every layer as a small picture: a click pins it beside those that are pinned, another takes it off. */
export function HeadGrid(props: {
  readonly trace: Trace;
  readonly pinned: readonly number[];
  readonly onPick: (layer: number, head: number) => void;
  readonly onPreview: (head: number | undefined) => void;
}) {
  const { trace, pinned, onPick, onPreview } = props;
  const { layers, H, thumbs, layer } = trace;
  const grid = useRef<HTMLDivElement>(null);
  const cells = useMemo(() => cut(trace), [thumbs]);
  if (!thumbs)
    return <p class="muted">This variant has no weights to draw: step 6 shows what it has instead.</p>;
  const current = layer * H + (pinned[0] ?? 0);
  const move = (event: KeyboardEvent, at: number): void => {
    const to = { ArrowLeft: at - 1, ArrowRight: at + 1, ArrowUp: at - H, ArrowDown: at + H }[event.key];
    if (to === undefined || to < 0 || to >= layers * H) return;
    grid.current!.querySelectorAll('button')[to]!.focus();
    event.preventDefault();
  };
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset is for what is submitted
    <div
      class="heads"
      ref={grid}
      role="group"
      aria-label="Heads: arrow keys go from one to the next"
      style={{ '--heads': H }}
    >
      {cells.map((values, at) => {
        const [l, h] = [Math.floor(at / H), at % H];
        const on = l === layer && pinned.includes(h);
        return (
          <>
            {h === 0 && (
              <span class="heads-layer muted" aria-hidden="true">
                {l + 1}
              </span>
            )}
            <button
              type="button"
              aria-pressed={on}
              aria-label={`Layer ${l + 1}, head ${h + 1}`}
              title={`Layer ${l + 1}, head ${h + 1}`}
              tabIndex={at === current ? 0 : -1}
              onKeyDown={(event) => move(event, at)}
              onClick={() => onPick(l, h)}
              onMouseEnter={() => onPreview(l === layer ? h : undefined)}
              onMouseLeave={() => onPreview(undefined)}
            >
              <Thumbnail rows={thumbs.size} columns={thumbs.size} values={values} range={unit} size={52} />
            </button>
          </>
        );
      })}
    </div>
  );
}

const unit = [0, 1] as const;

function cut({ thumbs, layers, H }: Trace): readonly Float32Array[] {
  if (!thumbs) return [];
  const size = thumbs.size ** 2;
  return Array.from({ length: layers * H }, (_, n) => thumbs.values.subarray(n * size, (n + 1) * size));
}
