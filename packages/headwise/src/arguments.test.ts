import { cac } from 'cac';
import { expect, it } from 'vitest';
import { ids, isOn, numeric, type Options, protect, text, whole } from './arguments.ts';

/** Options as the command line would hand them to a command. */
function parse(...argv: string[]): Options & { files?: readonly string[] } {
  let given: Options = {};
  const cli = cac('test');
  cli
    .command('run [...files]', 'Runs')
    .option('--prompt <text>', 'Text')
    .option('--max-tokens <n>', 'Number')
    .option('--json', 'Switch')
    .action((files: readonly string[], options: Options) => {
      given = { ...options, files: files.map(String) };
    });
  cli.parse(['', '', ...protect(['run', ...argv], cli.commands)]);
  return given;
}

it.each(['007', '1e3', '', ' ', '-5', '-', '=', 'a=b', 'a b', '☃', 'true', '0x10', '\n'])(
  'takes the text %j as it was typed',
  (typed) => {
    expect(text(parse('--prompt', typed), 'prompt')).toBe(typed);
    expect(text(parse(`--prompt=${typed}`), 'prompt')).toBe(typed);
  },
);

it('takes a text that begins with dashes only after an equals sign', () => {
  expect(text(parse('--prompt=--json'), 'prompt')).toBe('--json');
  expect(() => parse('--prompt', '--json')).toThrowErrorMatchingInlineSnapshot(
    `[UsageError: --prompt needs a value]`,
  );
  expect(() => parse('--prompt')).toThrowErrorMatchingInlineSnapshot(`[UsageError: --prompt needs a value]`);
});

it('keeps a switch from swallowing what stands after it', () => {
  const options = parse('--json', '2024');
  expect(isOn(options, 'json')).toBe(true);
  expect(options.files).toEqual(['2024']);
  expect(isOn(parse(), 'json')).toBe(false);
  expect(() => parse('--json=no')).toThrowErrorMatchingInlineSnapshot(
    `[UsageError: --json is a switch, it takes no value]`,
  );
});

it('reads numbers in camel and in kebab case, and says what they must be', () => {
  expect(whole(parse('--max-tokens', '12'), 'max-tokens', 1)).toBe(12);
  expect(whole(parse(), 'max-tokens', 1)).toBeUndefined();
  for (const wrong of ['0', '1.5', 'ten', '', 'Infinity', '9007199254740993'])
    expect(() => whole(parse('--max-tokens', wrong), 'max-tokens', 1)).toThrow(
      `--max-tokens must be a whole number ≥ 1, got "${wrong}"`,
    );
  expect(numeric(parse('--prompt', '0.5'), 'prompt', (value) => value < 1, 'below 1')).toBe(0.5);
});

it('reads lists of ids', () => {
  expect(ids(parse('--prompt', '1, 403,407'), 'prompt')).toEqual([1, 403, 407]);
  expect(ids(parse('--prompt', '5'), 'prompt')).toEqual([5]);
  for (const wrong of ['', '1,,2', '1,-2', '1;2', '1.5'])
    expect(() => ids(parse('--prompt', wrong), 'prompt')).toThrow('whole numbers ≥ 0 with commas between');
});

it('refuses an option that is given twice', () => {
  expect(() => text(parse('--prompt', 'a', '--prompt', 'b'), 'prompt')).toThrowErrorMatchingInlineSnapshot(
    `[UsageError: --prompt is given 2 times]`,
  );
});
