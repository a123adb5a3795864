import type { Matcher } from '../constraints/automaton.ts';

const encoder = new TextEncoder();

/** `full`: the text is complete; `prefix`: it can become complete; `no`: neither. */
export function match(matcher: Matcher, text: string | Uint8Array): 'full' | 'prefix' | 'no' {
  let state = matcher.start;
  for (const byte of typeof text === 'string' ? encoder.encode(text) : text)
    state = matcher.next(state, byte);
  if (state < 0) return 'no';
  return matcher.accepts(state) ? 'full' : 'prefix';
}
