import { readFileSync } from 'node:fs';
import ts from 'typescript';

type Modules = Readonly<Record<string, () => Promise<unknown>>>;

/**
 * Runs every `ts` code block of a Markdown file, in order. Imports are served from `modules`; a line that ends in
 * `// → value` asserts that its expression (awaited) has this JSON value.
 *
 * @param options.joined the blocks are one program: each goes on where the one before ended
 * @returns how many blocks ran and how many values were asserted, so that a test can refuse none.
 */
export async function runReadme(
  file: URL,
  modules: Modules,
  options: SampleOptions = {},
): Promise<{ blocks: number; asserted: number }> {
  return runSamples(readFileSync(file, 'utf8'), modules, options);
}

interface SampleOptions {
  readonly joined?: boolean;
}

/** The same of a text. */
export async function runSamples(
  text: string,
  modules: Modules,
  { joined = false }: SampleOptions = {},
): Promise<{ blocks: number; asserted: number }> {
  const all = samplesOf(text);
  const blocks = joined ? [all.join('')] : all;
  let asserted = 0;
  for (const block of blocks) asserted += (await runBlock(block, modules)).asserted;
  return { blocks: all.length, asserted };
}

/** The `ts` code blocks of a Markdown text; those with words behind `ts` are files. */
export function samplesOf(text: string): readonly string[] {
  return [...text.matchAll(/^```ts\n([\s\S]*?)^```/gm)].map((match) => match[1]!);
}

/** Runs a sample. @param take names that it declares, whose values are wanted */
export async function runBlock(
  block: string,
  modules: Modules,
  take: readonly string[] = [],
): Promise<{ readonly asserted: number; readonly taken: Readonly<Record<string, unknown>> }> {
  let asserted = 0;
  const checked = block
    .replace(/^(?:(const|let) (\w+) = )?(.+?);?\s*\/\/ → (.+)$/gm, (_, keyword, name, expression, want) => {
      const call = `await $check(${JSON.stringify(expression)}, ${expression}, ${JSON.stringify(want)})`;
      return keyword ? `${keyword} ${name} = ${call};` : `${call};`;
    })
    .replace(/^import (?:type .*|\{[^}]*\} from '[^']+');?$/gm, (line) => {
      const match = /^import \{([^}]*)\} from '([^']+)'/.exec(line);
      if (!match) return '';
      const names = match[1]!.split(',').filter((name) => !/^\s*type /.test(name));
      return `const {${names.map((name) => name.replace(' as ', ': ')).join(',')}} = await $load(${JSON.stringify(match[2])});`;
    });
  const { outputText } = ts.transpileModule(`async () => {\n${checked}\nreturn { ${take.join(', ')} };\n}`, {
    compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext },
  });
  const load = (name: string): Promise<unknown> => {
    const module = modules[name];
    if (!module) throw new Error(`the README imports ${name}, which its test does not serve`);
    return module();
  };
  const check = async (expression: string, value: unknown, want: string): Promise<unknown> => {
    asserted++;
    const got = JSON.stringify(
      ArrayBuffer.isView(await value) ? Array.from((await value) as Float32Array) : await value,
    );
    if (got !== JSON.stringify(JSON.parse(want)))
      throw new Error(`README: ${expression} is ${got}, not ${want}`);
    return value;
  };
  const taken = await new Function('$load', '$check', `return (${outputText.trim().replace(/;$/, '')})();`)(
    load,
    check,
  );
  return { asserted, taken };
}
