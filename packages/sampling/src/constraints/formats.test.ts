import { isIPv6 } from 'node:net';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { match } from '../testing/match.ts';
import { formatNames } from './formats.ts';
import { jsonSchemaMatcher } from './json-schema.ts';

const long = process.env.HEADWISE_LONG === '1';

const ajv = new Ajv2020({ strict: false });
addFormats.default(ajv);

const matchers = new Map(
  formatNames.map((format) => [format, jsonSchemaMatcher({ type: 'string', format })] as const),
);
const takes = (format: string, text: string) => match(matchers.get(format)!, JSON.stringify(text)) === 'full';
const validators = new Map(
  formatNames.map((format) => [format, ajv.compile({ type: 'string', format })] as const),
);
const ajvTakes = (format: string, text: string) => validators.get(format)!(text);

/** Texts near those of a format: an example with characters replaced, taken away or added. */
const examples: Readonly<Record<string, readonly string[]>> = {
  date: ['2024-02-29', '2023-02-28', '1900-02-29', '2000-02-29', '2026-11-30', '2026-12-31', '0000-02-29'],
  time: [
    '23:59:60Z',
    '00:00:00+23:59',
    '12:34:56.789z',
    '22:59:60-01:00',
    '05:29:60+05:30',
    '23:59:60+01:00',
  ],
  'date-time': ['2026-11-21T23:59:00Z', '2024-02-29t00:00:00.5+01:00', '2023-02-29T00:00:00Z'],
  duration: ['P1Y2M3DT4H5M6S', 'P1W', 'PT36H', 'P3D', 'PT1M', 'P1Y'],
  email: ['a.b@example.com', 'a+b@x-y.org', "o'hara@a.bc", 'a@b'],
  ipv4: ['127.0.0.1', '255.249.199.99', '256.1.1.1', '01.1.1.1'],
  ipv6: [
    '::',
    '::1',
    '1:2:3:4:5:6:7:8',
    '1::8',
    'fe80::a:b',
    '::ffff:1.2.3.4',
    '1:2:3:4:5:6:7::',
    '1:2:3:4:5:6:1.2.3.4',
  ],
  'json-pointer': ['', '/', '/a~0b/c~1d', '/é/0'],
  'relative-json-pointer': ['0', '1/a', '2#', '10/~1'],
  uri: [
    'http://a.b/c?d=e#f',
    'urn:isbn:12',
    'mailto:a@b.c',
    'http://[::1]:80/',
    'file:///x',
    'a:/b//c',
    'http://u:p@h:1',
  ],
  uuid: ['123e4567-e89b-12d3-a456-426614174000', 'ABCDEF00-0000-0000-0000-000000000000'],
};
const alphabet = [..."0123456789abfzTZ:-+./~#@?[]%PYMDHSW ' é"];

const near = (format: string) =>
  fc
    .tuple(
      fc.constantFrom(...examples[format]!),
      fc.array(fc.tuple(fc.nat(), fc.nat({ max: 2 }), fc.constantFrom(...alphabet)), { maxLength: 2 }),
    )
    .map(([text, edits]) => {
      const chars = [...text];
      for (const [place, act, char] of edits) {
        const at = place % (chars.length + 1);
        chars.splice(at, act === 2 ? 0 : 1, ...(act === 0 ? [] : [char]));
      }
      return chars.join('');
    });

/**
 * Spellings that ajv-formats 3 takes and the RFC does not: a blank for the T, an offset without minutes or colon,
 * a prefix before a UUID, years with days but no months between, a leap second after hour 23 or minute 59 that its
 * offset brings back to 23:59, and so on.
 */
const beyondTheRfc: Readonly<Record<string, RegExp>> = {
  time: /[+-]\d\d(\d\d)?$|(2[4-9]|[3-9]\d):\d\d:60|:[6-9]\d:60/,
  'date-time': /[+-]\d\d(\d\d)?$|\s|(2[4-9]|[3-9]\d):\d\d:60|:[6-9]\d:60/,
  duration: /^P\d+Y\d+D|^P(\d+\w)*T\d+H\d+S/,
  uri: /^[^:]*:\//, // an authority may follow one slash, and what is none may follow two
};

describe.each(formatNames)('%s', (format) => {
  it('lets through what ajv-formats takes, but for what goes beyond the RFC', () => {
    let taken = 0;
    fc.assert(
      fc.property(near(format), (text) => {
        const own = takes(format, text);
        if (own) taken++;
        if (own !== ajvTakes(format, text)) {
          expect(own, text).toBe(false);
          expect(text).toMatch(beyondTheRfc[format] ?? /^$/);
        }
      }),
      long ? { numRuns: 20_000 } : { numRuns: 500, seed: 18 },
    );
    expect(taken).toBeGreaterThan(20);
  }, 600_000);
});

it('knows the days of every month, leap years too', () => {
  for (const year of ['1900', '2000', '2023', '2024', '0000', '0004', '0100', '0400', '2100']) {
    for (let month = 0; month <= 13; month++) {
      for (let day = 0; day <= 32; day++) {
        const text = `${year}-${String(month).padStart(2, '0')}-${String(day).padStart(2, '0')}`;
        expect(takes('date', text), text).toBe(ajvTakes('date', text));
      }
    }
  }
  expect(takes('date', '2026-02-30')).toBe(false);
});

it('has no hour 24 and no minute 60, with a leap second neither', () => {
  // RFC 3339, section 5.6: time-hour is 00 to 23, time-minute 00 to 59
  for (const time of ['24:59:60+01:00', '23:89:60+00:30', '24:00:00Z', '23:60:00Z']) {
    expect(takes('time', time), time).toBe(false);
    expect(takes('date-time', `2016-12-31T${time}`), time).toBe(false);
  }
  expect(ajvTakes('time', '24:59:60+01:00')).toBe(true);
});

it('has leap seconds where they are 23:59:60 in UTC, at offsets of quarters of an hour', () => {
  for (let hour = 0; hour < 24; hour++) {
    for (const minute of [0, 14, 29, 44, 59]) {
      for (const offset of ['Z', '+00:00', '-00:00', '+01:00', '-03:30', '+05:45', '-23:00', '+14:00']) {
        const text = `${String(hour).padStart(2, '0')}:${String(minute).padStart(2, '0')}:60${offset}`;
        expect(takes('time', text), text).toBe(ajvTakes('time', text));
      }
    }
  }
});

it('knows IPv6 as the platform does', () => {
  fc.assert(
    fc.property(near('ipv6'), (text) => {
      expect(takes('ipv6', text), text).toBe(isIPv6(text) && !text.includes('%'));
    }),
    long ? { numRuns: 20_000 } : { numRuns: 500, seed: 19 },
  );
});

it('takes uris of RFC 3986', () => {
  for (const text of examples.uri!) expect(takes('uri', text), text).toBe(true);
  for (const text of ['', 'a/b', '//a', 'http://a b', 'http://[1', '1a:b', 'http://a:b', 'a:%4'])
    expect(takes('uri', text), text).toBe(false);
});
