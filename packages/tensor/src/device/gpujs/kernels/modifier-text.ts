import type { Modifier } from '../../../ops/modifier.ts';

/**
 * Modifiers as the text of helper functions: renamed, their constants read as constants of the kernel, so that a
 * kernel is one per source, and not one per set of constants.
 */
export function modifierText(modifiers: readonly Modifier[]): {
  /** The kinds in order, for the kernel's text: `mask,score`. */
  readonly text: string;
  readonly helpers: readonly string[];
  readonly constants: Readonly<Record<string, number>>;
} {
  const constants: Record<string, number> = {};
  const helpers = modifiers.map(({ kind, source, constants: own = {} }, n) => {
    let text = source.replace(/^\s*function\s*[\w$]*\s*\(/, `function ${nameOf(kind, n)}(`);
    for (const [name, value] of Object.entries(own)) {
      const kernelName = `${nameOf(kind, n)}_${name}`;
      constants[kernelName] = value;
      text = text.replace(new RegExp(`(?<![.\\w$])${name}(?![\\w$])`, 'g'), `this.constants.${kernelName}`);
    }
    return text;
  });
  return { text: modifiers.map(({ kind }) => kind).join(), helpers, constants };
}

/** Lines that call the modifiers of one kind, in order. */
export function modifierCalls(
  kind: Modifier['kind'],
  text: string,
  line: (call: (scalars: string) => string) => string,
): string {
  const kinds = text === '' ? [] : text.split(',');
  return kinds
    .flatMap((each, n) => (each === kind ? [line((scalars) => `${nameOf(kind, n)}(${scalars})`)] : []))
    .join('\n      ');
}

function nameOf(kind: Modifier['kind'], n: number): string {
  return `${kind}${n}`;
}
