import type { ByteSource, FileSet } from '../checkpoint.ts';
import { FormatError } from '../errors.ts';
import { blobSource, type UrlOptions, urlSource } from './byte-sources.ts';

/**
 * Files that are there already: those that a person chose in a page, or bytes in memory. Never throws.
 *
 * @param name for messages; default that of the first file
 */
export function filesOf(files: Iterable<File | ByteSource>, name?: string): FileSet {
  const sources = Array.from(files, (file) => ('arrayBuffer' in file ? blobSource(file) : file));
  const byName = new Map(sources.map((source) => [source.name.replace(/^.*[/\\]/, ''), source]));
  return {
    name: name ?? sources[0]?.name ?? 'no files',
    names: [...byName.keys()],
    open: async (file) => byName.get(file),
  };
}

/**
 * A model behind a URL: of one file (`…/model.gguf`), or of a folder (`…/my-model/`), whose files are tried by their
 * usual names. Nothing is asked for before a file is opened.
 * @throws {FormatError} if it is no URL.
 */
export function urlFiles(url: string | URL, options: UrlOptions = {}): FileSet {
  if (!URL.canParse(String(url))) throw new FormatError('model', `${JSON.stringify(String(url))} is no URL`);
  const whole = new URL(url);
  const [, file] = /\/([^/]+\.(?:gguf|safetensors|bin))$/.exec(whole.pathname) ?? [];
  const folder = new URL(whole);
  if (file) folder.pathname = folder.pathname.slice(0, -file.length);
  else if (!folder.pathname.endsWith('/')) folder.pathname += '/';
  return {
    name: String(whole),
    main: file && decodeURIComponent(file),
    names: undefined,
    open(name, signal) {
      const at = new URL(folder);
      at.pathname += encodeURIComponent(name);
      return urlSource(at, { ...options, ...(signal && { signal }) });
    },
  };
}
