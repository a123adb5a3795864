import type { Defaults, Value } from './view.ts';

/** What a link says: a view, and what that view is to show. */
export interface Link {
  readonly view: string | undefined;
  readonly device: string | undefined;
  readonly values: Readonly<Record<string, string>>;
}

/** Names that every view's link may say. */
const shared = ['view', 'device'];

/** `#view=attention&text=One%20day` */
export function readLink(hash: string): Link {
  const given = new URLSearchParams(hash.replace(/^#/, ''));
  const values = Object.fromEntries([...given].filter(([name]) => !shared.includes(name)));
  return { view: given.get('view') ?? undefined, device: given.get('device') ?? undefined, values };
}

/** The state that a link asks for, and in words what of it there is not. */
export function readValues(
  values: Readonly<Record<string, string>>,
  defaults: Defaults,
): { readonly state: Record<string, Value>; readonly problems: readonly string[] } {
  const state: Record<string, Value> = { ...defaults };
  const problems: string[] = [];
  for (const [name, text] of Object.entries(values)) {
    if (!Object.hasOwn(defaults, name)) {
      const known = [...shared, ...Object.keys(defaults)].join(', ');
      problems.push(`The link says “${name}”, which this view does not know. It knows ${known}.`);
      continue;
    }
    const value = parse(text, defaults[name]!);
    if (value === undefined) {
      const kind = typeof defaults[name] === 'number' ? 'a number' : 'true or false';
      problems.push(
        `“${name}” in the link must be ${kind}, it is “${text}”; it is ${defaults[name]} instead.`,
      );
    } else state[name] = value;
  }
  return { state, problems };
}

function parse(text: string, like: Value): Value | undefined {
  if (typeof like === 'string') return text;
  if (typeof like === 'boolean') return text === 'true' ? true : text === 'false' ? false : undefined;
  const number = Number(text);
  return text.trim() !== '' && Number.isFinite(number) ? number : undefined;
}

/** Writes what differs from the defaults, so that it reads the same, and can be read. */
export function writeLink(
  { view, device }: Pick<Link, 'view' | 'device'>,
  state: Readonly<Record<string, Value>>,
  defaults: Defaults,
): string {
  const parts = [
    ['view', view],
    ['device', device],
    ...Object.keys(defaults)
      .filter((name) => state[name] !== defaults[name])
      .map((name) => [name, String(state[name])]),
  ].filter((pair) => pair[1] !== undefined);
  return `#${parts.map(([name, value]) => `${name}=${encode(value!)}`).join('&')}`;
}

/** Commas, colons and the like are allowed in a fragment. */
function encode(text: string): string {
  return encodeURIComponent(text)
    .replace(/%(2C|3A|2F|40)/g, decodeURIComponent)
    .replace(/%20/g, '+');
}
