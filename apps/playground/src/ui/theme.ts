import { type Signal, signal } from '@preact/signals';

export type Theme = 'light' | 'dark';

/** What the page wears; canvases draw anew when it changes. */
export const theme: Signal<Theme> = signal(
  globalThis.document?.documentElement.dataset.theme === 'dark' ? 'dark' : 'light',
);

const KEY = 'headwise.theme';

/** Changes it, and keeps it for the next visit. Never throws. */
export function setTheme(next: Theme): void {
  theme.value = next;
  document.documentElement.dataset.theme = next;
  try {
    localStorage.setItem(KEY, next);
  } catch {
    // a browser that keeps nothing: it is the system's again next time
  }
}

/** Follows the system until the visitor has chosen. Never throws. */
export function followSystem(): void {
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', ({ matches }) => {
    let kept: string | null = null;
    try {
      kept = localStorage.getItem(KEY);
    } catch {
      // as above
    }
    if (kept !== null) return;
    theme.value = matches ? 'dark' : 'light';
    document.documentElement.dataset.theme = theme.value;
  });
}

/** What a CSS variable is now: `colorOf('--text')`. */
export function colorOf(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}
