import { darkRules, ink } from './palette.ts';

const page = `
:root{color-scheme:light dark;--page:${ink.page.light};--raised:${ink.raised.light};--text:${ink.text.light};--muted:${ink.muted.light};--grid:${ink.grid.light};--focus:${ink.focus.light}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--text);font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
main{max-width:60rem;margin:0 auto;padding:2rem 1.25rem 4rem}
h1{font-size:1.7rem;line-height:1.2;margin:.5rem 0}
h2{font-size:1.25rem;margin:3rem 0 .75rem;padding-top:1rem;border-top:1px solid var(--grid)}
h3{font-size:1rem;margin:1.5rem 0 .5rem}
.muted,figcaption,summary{color:var(--muted);font-size:.9rem}
.note{border-left:4px solid var(--muted);background:var(--raised);padding:.6rem .9rem}
nav ol{columns:2 16rem;padding-left:1.4rem;margin:1rem 0}nav li{margin:.15rem 0}
.findings{padding-left:1.4rem}.findings li{margin:.4rem 0;font-size:1.05rem}
figure{margin:0 0 2.5rem}
figure svg{max-width:none;display:block}
.scroll{overflow-x:auto}
table{border-collapse:collapse;font-size:.85rem;font-variant-numeric:tabular-nums;margin:.25rem 0 1rem}
th,td{padding:.3rem .7rem .3rem 0;text-align:left;vertical-align:top;border-bottom:1px solid var(--grid)}
thead th{color:var(--muted);font-weight:600}
tbody th{font-weight:600;white-space:nowrap}
.short{white-space:nowrap}
code,pre{font-family:ui-monospace,SFMono-Regular,Menlo,monospace;font-size:.88em}
pre{background:var(--raised);padding:.8rem 1rem;overflow-x:auto}
button{font:inherit;font-size:.85rem;color:var(--text);background:var(--raised);border:1px solid var(--muted);border-radius:6px;padding:.1rem .6rem;margin-left:.5rem;min-height:24px}
summary{cursor:pointer;padding:.3rem 0}
:focus-visible{outline:2px solid var(--focus);outline-offset:2px}
a{color:var(--focus)}
`;

const darkPage = `color-scheme:dark;--page:${ink.page.dark};--raised:${ink.raised.dark};--text:${ink.text.dark};--muted:${ink.muted.dark};--grid:${ink.grid.dark};--focus:${ink.focus.dark}`;

/** Styles of the report, or of one chart file. Printing is always light. */
export function styleSheet(of: 'page' | 'svg' = 'page'): string {
  if (of === 'svg') return `@media screen and (prefers-color-scheme: dark){${darkRules()}}`;
  const system = ':root:not([data-theme=light])';
  return (
    `${page}@media screen and (prefers-color-scheme: dark){${system}{${darkPage}}${darkRules(`${system} svg `)}}` +
    `@media screen{:root[data-theme=dark]{${darkPage}}${darkRules(':root[data-theme=dark] svg ')}}` +
    '@media print{button,nav{display:none}details{display:none}figure{break-inside:avoid}}'
  );
}

/**
 * What charts need inside a page that has styles and a switch of its own: dark colours under `:root[data-theme=dark]`.
 *
 * @param scope a selector of what holds the charts
 */
export function chartStyles(scope: string): string {
  return `@media screen{${darkRules(`:root[data-theme=dark] ${scope} svg `)}}`;
}
