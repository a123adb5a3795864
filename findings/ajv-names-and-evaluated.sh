#!/bin/sh
# Expected: a validator answers true or false for every JSON value, whatever its properties are called, and
#   { "required": [""] } refuses {}.
# Happens (Ajv 8.20.0, defaults but strict: false): {} passes { required: [''] } (as does {"a":1} { required: ["", "a"] }; not with allErrors);
#   an enum that holds an object makes validate throw a TypeError for the value {"toString": null}; a constant with a
#   property "constructor" that is an object is not equal to itself; and Ajv2020 with allErrors throws where
#   patternProperties fails beside nested anyOf with a $ref to additionalProperties.
# Source: JSON Schema 2020-12 validation, 6.1.2, 6.1.3, 6.5.3; core, 10.3.2. fast-deep-equal reads a.toString and
#   a.constructor from data.
# Matters: Ajv is the oracle of many compilers and the guard of many model outputs; data chooses these names.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund ajv@8.20.0 fast-deep-equal@3.1.3 >/dev/null
cat >run.cjs <<'JS'
const { Ajv2020 } = require('ajv/dist/2020.js');
console.log('ajv', require('ajv/package.json').version);
const run = (schema, text, allErrors = false) => {
  const validate = new Ajv2020({ strict: false, allErrors }).compile(schema);
  try {
    return String(validate(JSON.parse(text)));
  } catch (error) {
    return `${error.name}: ${error.message}`;
  }
};
const nested = {
  patternProperties: { '^a': false },
  anyOf: [{ anyOf: [{ $ref: '#/$defs/x' }] }],
  $defs: { x: { additionalProperties: false } },
};
const constant = JSON.parse('{"const":{"constructor":{"a":1}}}');
const cases = [
  ['required [""] and {}', 'false', run({ required: [''] }, '{}'), 'true'],
  ['required ["", "a"] and {"a":1}', 'false', run({ required: ['', 'a'] }, '{"a":1}'), 'true'],
  ['required [""] and {}, allErrors', 'false', run({ required: [''] }, '{}', true), 'false'],
  ['enum [{}] and {"toString":null}', 'false', run({ enum: [{}] }, '{"toString":null}'), 'TypeError: a.toString is not a function'],
  ['a constant with a constructor', 'true', run(constant, '{"constructor":{"a":1}}'), 'false'],
  ['nested anyOf, allErrors', 'false', run(nested, '{"a":null}', true), "TypeError: Cannot set properties of undefined (setting 'a')"],
];
let changed = false;
for (const [name, right, got, before] of cases) {
  console.log(`${name}: right ${right}, got ${got}`);
  if (got !== before) changed = true;
}
if (changed) {
  console.log('the behaviour has changed');
  process.exit(1);
}
JS
node run.cjs
