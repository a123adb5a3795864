/** Options as a registry names them. */
export type Options = Readonly<Record<string, unknown>>;

/** `base:500000,layout:half`: options as a link and a person can read them; lists are joined by `|`. Never throws. */
export function writeOptions(options: Options): string {
  return Object.entries(options)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}:${Array.isArray(value) ? value.map(escaped).join('|') : escaped(value)}`)
    .join(',');
}

/** Reads it back; what is no `name:value` is passed over. Never throws. */
export function readOptions(text: string): Record<string, unknown> {
  const options: Record<string, unknown> = {};
  for (const part of text.split(',')) {
    const at = part.indexOf(':');
    if (at < 1) continue;
    const said = part.slice(at + 1);
    options[part.slice(0, at)] = said.includes('|') ? said.split('|').map(read) : read(said);
  }
  return options;
}

/** `temperature@temperature:0.8/top-k@k:40`: rules in their order, each with its options. Never throws. */
export function writeRules(rules: readonly { readonly name: string; readonly options: Options }[]): string {
  return rules
    .map(({ name, options }) => {
      const said = writeOptions(options);
      return said ? `${name}@${said}` : name;
    })
    .join('/');
}

/** Reads it back. Never throws. */
export function readRules(text: string): { name: string; options: Record<string, unknown> }[] {
  return text
    .split('/')
    .filter(Boolean)
    .map((part) => {
      const [name = '', said = ''] = part.split('@');
      return { name, options: readOptions(said) };
    });
}

/** What separates is written as its code. */
function escaped(value: unknown): string {
  return String(value).replace(/[,:|/@%]/g, (char) => `%${char.charCodeAt(0).toString(16).padStart(2, '0')}`);
}

function read(text: string): unknown {
  if (text === 'true' || text === 'false') return text === 'true';
  const number = Number(text);
  if (text.trim() !== '' && !Number.isNaN(number)) return number;
  return text.replace(/%([0-9a-f]{2})/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)));
}
