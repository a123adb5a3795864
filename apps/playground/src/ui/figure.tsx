import { useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useId } from 'preact/hooks';
import { download } from '../elements.ts';

/** A table, for those who read numbers rather than colours. */
export interface TableData {
  readonly columns: readonly string[];
  /** The first of a row is its name. */
  readonly rows: readonly (readonly (string | number)[])[];
}

/** What a figure can be taken away as. */
export interface Exports {
  /** Stem of the file names: `attention-layer-2-head-1`. */
  readonly name: string;
  readonly picture?: (() => HTMLCanvasElement | SVGSVGElement | null) | undefined;
  readonly numbers?: (() => unknown) | undefined;
  /** Default made of the table. */
  readonly csv?: (() => string) | undefined;
  /** JavaScript that computes the same with the library. */
  readonly code?: (() => string) | undefined;
}

/** A picture with its title, its meaning in a sentence, its numbers as a table, and ways to take it along. */
export function Figure(props: {
  readonly title: string;
  /** What it shows, and what it does not. */
  readonly caption?: ComponentChildren;
  readonly table?: (() => TableData) | undefined;
  readonly exports?: Exports | undefined;
  /** As wide as there is room. */
  readonly wide?: boolean | undefined;
  readonly children: ComponentChildren;
}) {
  const { title, caption, table, exports, wide = false, children } = props;
  const open = useSignal(false);
  const id = useId();
  return (
    <figure class={`figure ${wide ? 'wide' : ''}`} aria-labelledby={id}>
      <h3 id={id}>{title}</h3>
      {children}
      {caption && <figcaption class="muted">{caption}</figcaption>}
      {exports && <ExportRow title={title} exports={exports} table={table} />}
      {table && (
        <details
          class="figure-table"
          onToggle={({ currentTarget }) => {
            open.value = (currentTarget as HTMLDetailsElement).open;
          }}
        >
          <summary>
            Table<span class="visually-hidden"> of {title}</span>
          </summary>
          {open.value && <Table data={table()} label={title} />}
        </details>
      )}
    </figure>
  );
}

/** A table that scrolls by itself, also by keyboard. */
export function Table({ data, label }: { readonly data: TableData; readonly label: string }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be focusable
    <section class="scroller" aria-label={`${label}: table`} tabIndex={0}>
      <table>
        <thead>
          <tr>
            {data.columns.map((column) => (
              <th key={column} scope="col">
                {column}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {data.rows.map(([name, ...cells], row) => (
            <tr key={row}>
              <th scope="row">{name}</th>
              {cells.map((cell, column) => (
                <td key={column}>{cell}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function ExportRow(props: {
  readonly title: string;
  readonly exports: Exports;
  readonly table: (() => TableData) | undefined;
}) {
  const { exports, table, title } = props;
  const { name, picture, numbers, code } = exports;
  const csv = exports.csv ?? (table && (() => csvOf(table())));
  const said = useSignal('');
  const offers: readonly (readonly [string, (() => void) | undefined])[] = [
    ['Picture', picture && (() => savePicture(name, picture()))],
    [
      'JSON',
      numbers && (() => download(`${name}.json`, JSON.stringify(numbers(), null, 1), 'application/json')),
    ],
    ['CSV', csv && (() => download(`${name}.csv`, csv(), 'text/csv'))],
    ['Code', code && (() => download(`${name}.mjs`, code(), 'text/javascript'))],
  ];
  return (
    <p class="exports">
      <span class="muted">Save as</span>
      {offers.map(([label, save]) =>
        save ? (
          <button
            key={label}
            type="button"
            class="quiet"
            onClick={() => {
              save();
              said.value = `${label} of ${title} saved.`;
            }}
          >
            {label}
            <span class="visually-hidden"> of {title}</span>
          </button>
        ) : null,
      )}
      <span class="visually-hidden" role="status">
        {said.value}
      </span>
    </p>
  );
}

/** Comma-separated, quoted where it has to be (RFC 4180). Never throws. */
export function csvOf({ columns, rows }: TableData): string {
  const cell = (value: string | number): string => {
    const text = String(value);
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return [columns, ...rows].map((row) => row.map(cell).join(',')).join('\r\n');
}

function savePicture(name: string, picture: HTMLCanvasElement | SVGSVGElement | null): void {
  if (picture instanceof HTMLCanvasElement) {
    // on the page's own ground: a clear picture is unreadable on another
    const copy = document.createElement('canvas');
    copy.width = picture.width;
    copy.height = picture.height;
    const context = copy.getContext('2d')!;
    context.fillStyle = getComputedStyle(document.body).backgroundColor;
    context.fillRect(0, 0, copy.width, copy.height);
    context.drawImage(picture, 0, 0);
    copy.toBlob((blob) => {
      if (!blob) return;
      const href = URL.createObjectURL(blob);
      Object.assign(document.createElement('a'), { href, download: `${name}.png` }).click();
      setTimeout(() => URL.revokeObjectURL(href), 1000);
    });
  } else if (picture) download(`${name}.svg`, inlined(picture), 'image/svg+xml');
}

/** An SVG that looks the same outside the page: what the style sheet says is written into it. */
function inlined(svg: SVGSVGElement): string {
  const copy = svg.cloneNode(true) as SVGSVGElement;
  const names = ['fill', 'stroke', 'stroke-width', 'stroke-dasharray', 'font', 'text-anchor', 'opacity'];
  const originals = [svg, ...svg.querySelectorAll('*')];
  for (const [n, element] of [copy, ...copy.querySelectorAll('*')].entries()) {
    const style = getComputedStyle(originals[n]!);
    for (const name of names) (element as SVGElement).style?.setProperty(name, style.getPropertyValue(name));
  }
  copy.setAttribute('xmlns', 'http://www.w3.org/2000/svg');
  return new XMLSerializer().serializeToString(copy);
}
