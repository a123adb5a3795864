import { SamplingError } from '../errors.ts';
import type { Expression } from './expression.ts';
import { regexExpression } from './regex.ts';

const two = (low: number, high: number): string => {
  const parts: string[] = [];
  for (let tens = 0; tens <= 9; tens++) {
    const from = Math.max(low, 10 * tens);
    const to = Math.min(high, 10 * tens + 9);
    if (from <= to) parts.push(`${tens}[${from % 10}-${to % 10}]`);
  }
  return `(${parts.join('|')})`;
};
const pad = (value: number) => String(value).padStart(2, '0');

// RFC 3339, 5.6 and 5.7; a year is leap if 4 divides its last two digits, but for those of 00 that 400 does not
const multipleOfFour = '([02468][048]|[13579][26])';
const leapYear = `([0-9]{2}(0[48]|[2468][048]|[13579][26])|${multipleOfFour}00)`;
const date = `([0-9]{4}-((0[13578]|1[02])-${two(1, 31)}|(0[469]|11)-${two(1, 30)}|02-${two(1, 28)})|${leapYear}-02-29)`;
const fraction = '(\\.[0-9]+)?';
const zone = `([Zz]|[+-]${two(0, 23)}:${two(0, 59)})`;

/** A leap second is 23:59:60 in UTC; with an offset of quarters of an hour it is at that offset's time. */
function leapSeconds(): string {
  const zonesAt = new Map<string, string[]>([['23:59', ['[Zz]']]]);
  for (let offset = 0; offset < 24 * 60; offset += 15) {
    for (const sign of [1, -1]) {
      const local = (24 * 60 - 1 + sign * offset + 24 * 60) % (24 * 60);
      const at = `${pad(Math.floor(local / 60))}:${pad(local % 60)}`;
      const zones = zonesAt.get(at) ?? [];
      zones.push(`${sign > 0 ? '\\+' : '-'}${pad(Math.floor(offset / 60))}:${pad(offset % 60)}`);
      zonesAt.set(at, zones);
    }
  }
  const options = [...zonesAt].map(([at, zones]) => `${at}:60${fraction}(${zones.join('|')})`);
  return options.join('|');
}

const time = `(${two(0, 23)}:${two(0, 59)}:${two(0, 59)}${fraction}${zone}|${leapSeconds()})`;

// RFC 3339, appendix A
const durationTime = 'T([0-9]+H([0-9]+M([0-9]+S)?)?|[0-9]+M([0-9]+S)?|[0-9]+S)';
const durationDate = '([0-9]+Y([0-9]+M([0-9]+D)?)?|[0-9]+M([0-9]+D)?|[0-9]+D)';
const duration = `P(${durationDate}(${durationTime})?|${durationTime}|[0-9]+W)`;

// RFC 3986, 3.2.2, and RFC 4291
const octet = '(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])';
const ipv4 = `${octet}(\\.${octet}){3}`;
const h16 = '[0-9A-Fa-f]{1,4}';
const ls32 = `(${h16}:${h16}|${ipv4})`;
const ipv6 = `(${[
  `(${h16}:){6}${ls32}`,
  `::(${h16}:){5}${ls32}`,
  ...[4, 3, 2, 1, 0].map((after, i) => `((${h16}:){0,${i}}${h16})?::(${h16}:){${after}}${ls32}`),
  `((${h16}:){0,5}${h16})?::${h16}`,
  `((${h16}:){0,6}${h16})?::`,
].join('|')})`;

// RFC 3986, appendix A, without the path that is empty, which Ajv refuses
const percent = '%[0-9A-Fa-f]{2}';
const free = 'A-Za-z0-9\\-._~';
const delimiters = "!$&'()*+,;=";
const pchar = `([${free}${delimiters}:@]|${percent})`;
const userinfo = `([${free}${delimiters}:]|${percent})*@`;
const future = `[Vv][0-9A-Fa-f]+\\.[${free}${delimiters}:]+`;
const host = `(\\[(${ipv6}|${future})\\]|([${free}${delimiters}]|${percent})*)`;
const authority = `(${userinfo})?${host}(:[0-9]*)?`;
const path = `(\\/\\/${authority}(\\/${pchar}*)*|\\/(${pchar}+(\\/${pchar}*)*)?|${pchar}+(\\/${pchar}*)*)`;
const query = `([${free}${delimiters}:@\\/?]|${percent})*`;
const uri = `[A-Za-z][A-Za-z0-9+\\-.]*:${path}(\\?${query})?(#${query})?`;

// RFC 5321, 4.1.2, of a mailbox the dotted string at a domain of at least two names
const atext = "[A-Za-z0-9!#$%&'*+\\-\\/=?^_`{|}~]";
const label = '[A-Za-z0-9]([A-Za-z0-9\\-]*[A-Za-z0-9])?';
const email = `${atext}+(\\.${atext}+)*@(${label}\\.)+${label}`;

// RFC 4122; RFC 6901; draft-bhutton-relative-json-pointer
const uuid = '[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}';
const pointer = '(\\/([^~\\/]|~[01])*)*';

const patterns: ReadonlyMap<string, string> = new Map(
  Object.entries({
    date,
    time,
    'date-time': `${date}[Tt]${time}`,
    duration,
    email,
    ipv4,
    ipv6,
    'json-pointer': pointer,
    'relative-json-pointer': `(0|[1-9][0-9]*)(#|${pointer})`,
    uri,
    uuid,
  }),
);
const expressions = new Map<string, Expression>();

/** The formats that have an expression. */
export const formatNames: readonly string[] = [...patterns.keys()];

/**
 * The texts of a format: those of the RFC that JSON Schema names for it.
 *
 * @throws {SamplingError} if there is no expression for it.
 */
export function formatExpression(name: string): Expression {
  const known = expressions.get(name);
  if (known) return known;
  const pattern = patterns.get(name);
  if (pattern === undefined) throw new SamplingError('json-schema', `there is no format "${name}"`);
  const { whole } = regexExpression('json-schema', new RegExp(pattern, 'su'));
  expressions.set(name, whole);
  return whole;
}
