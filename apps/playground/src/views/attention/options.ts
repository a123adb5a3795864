/** Options in a link: `window:4,convention:mistral`; a list is `pattern:0+0+2+2`. */
export function readOptions(text: string): Record<string, unknown> {
  const pairs = text.split(',').flatMap((pair) => {
    const at = pair.indexOf(':');
    return at > 0 ? [[pair.slice(0, at), readValue(pair.slice(at + 1))] as const] : [];
  });
  return Object.fromEntries(pairs);
}

/** So that it reads the same. */
export function writeOptions(options: Readonly<Record<string, unknown>>): string {
  return Object.entries(options)
    .map(([name, value]) => `${name}:${Array.isArray(value) ? value.join('+') : value}`)
    .join(',');
}

function readValue(text: string): unknown {
  if (text === 'true' || text === 'false') return text === 'true';
  if (/^-?[\d.]+(e-?\d+)?$/i.test(text)) return Number(text);
  if (/^\d+(\+\d+)+$/.test(text)) return text.split('+').map(Number);
  return text;
}
