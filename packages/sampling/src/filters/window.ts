import type { SampleContext } from '../contract.ts';
import { checkWhole, SamplingError, show } from '../errors.ts';

/** Which tokens a penalty counts. */
export interface WindowOptions {
  /** Only the last so many tokens; `Infinity`, the default, is all of them. */
  readonly lastTokens?: number;
  /** `all` counts prompt and output, `output` only what was generated. */
  readonly scope?: 'all' | 'output';
}

export interface Window {
  readonly lastTokens: number;
  readonly scope: 'all' | 'output';
}

export function checkWindow(op: string, options: WindowOptions, scope: 'all' | 'output'): Window {
  const window = { lastTokens: Infinity, scope, ...options };
  if (window.lastTokens !== Infinity) {
    checkWhole(op, 'lastTokens', window.lastTokens, 0, 'Infinity counts all tokens');
  }
  if (window.scope !== 'all' && window.scope !== 'output') {
    throw new SamplingError(op, `scope must be 'all' or 'output', got ${show(window.scope)}`);
  }
  return window;
}

/** Index of the first token that counts. */
export function windowStart({ ids, promptLength }: SampleContext, { lastTokens, scope }: Window): number {
  return Math.max(scope === 'output' ? promptLength : 0, ids.length - lastTokens, 0);
}
