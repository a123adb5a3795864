import ts from 'typescript';

/** What a file says of the variant that it exports. */
export interface FileStory {
  /** The doc comment of the variant without its tags, as Markdown. */
  readonly story: string;
  /** What stands behind `@see`, as Markdown: papers, each with its section and equations. */
  readonly sources: string;
  /** Each option with its doc comment. */
  readonly options: ReadonlyMap<string, string>;
}

/**
 * Reads the doc comments of a variant's file: of the constant, and of its options, which stand in its `defaults` or in an
 * interface `…Options`.
 *
 * @throws {Error} if the file does not export the constant, or it has no doc comment.
 */
export function storyOf(file: string, text: string, exported: string): FileStory {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.ES2022, true);
  const statement = source.statements.find(
    (each): each is ts.VariableStatement =>
      ts.isVariableStatement(each) &&
      each.declarationList.declarations.some(({ name }) => name.getText() === exported),
  );
  const doc = statement && ts.getJSDocCommentsAndTags(statement).find(ts.isJSDoc);
  if (!doc) throw new Error(`${file}: ${exported} has no doc comment`);
  const see = (doc.tags ?? []).filter(({ tagName }) => tagName.text === 'see');
  const options = new Map<string, string>();
  const visit = (node: ts.Node): void => {
    if (ts.isPropertyAssignment(node) && node.name.getText() === 'defaults') collect(node.initializer);
    if (ts.isInterfaceDeclaration(node) && node.name.text.endsWith('Options')) collect(node);
    ts.forEachChild(node, visit);
  };
  const collect = (node: ts.Node): void => {
    if ((ts.isPropertyAssignment(node) || ts.isPropertySignature(node)) && node.name) {
      const comment = ts.getJSDocCommentsAndTags(node).find(ts.isJSDoc);
      if (comment) options.set(node.name.getText(), oneLine(bodyOf(comment)));
    }
    ts.forEachChild(node, collect);
  };
  visit(source);
  return { story: bodyOf(doc), sources: see.map(seen).join('; '), options };
}

/** The text of a comment before its tags. Not `comment`: a parser of links has taken the line breaks out of that. */
function bodyOf(doc: ts.JSDoc): string {
  const lines = doc
    .getText()
    .replace(/^\/\*\*|\*\/$/g, '')
    .split('\n')
    .map((line) => line.replace(/^\s*\* ?/, ''));
  const end = lines.findIndex((line) => line.startsWith('@'));
  return linked((end < 0 ? lines : lines.slice(0, end)).join('\n').trim());
}

function seen(tag: ts.JSDocTag): string {
  const text = tag
    .getText()
    .replace(/^@see\s*/, '')
    .replace(/\n\s*\* ?/g, ' ');
  return linked(text.replace(/\s*\*?\s*$/, '').trim());
}

/** `{@link https://…}` and `{@link name}` as Markdown. */
function linked(text: string): string {
  return text
    .replace(/\{@link (https?:\/\/[^\s}]+)\}/g, (_, url: string) => `[${label(url)}](${url})`)
    .replace(/\{@link ([^\s}]+)\}/g, '`$1`');
}

function label(url: string): string {
  return url.replace(/^https?:\/\/(?:www\.)?/, '').replace(/^arxiv\.org\/abs\//, 'arXiv ');
}

function oneLine(text: string): string {
  return text.replace(/\s*\n\s*/g, ' ');
}
