import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join, posix, relative, sep } from 'node:path';

/** Where the sources are shown. */
export const repository = 'https://github.com/headwise/headwise';

/**
 * Links of a built site that lead nowhere: to a page, an anchor or a file that is not there, or to a file of the repository
 * that it does not have. Addresses elsewhere are not asked: the check needs no network.
 *
 * @param base the path that the site is served under, as in its config
 */
export function deadLinks(site: string, root: string, base = '/'): readonly string[] {
  const pages = htmlFiles(site);
  const ids = new Map<string, ReadonlySet<string>>();
  const idsOf = (file: string): ReadonlySet<string> => {
    const known =
      ids.get(file) ??
      new Set([...readFileSync(file, 'utf8').matchAll(/ id="([^"]+)"/g)].map(([, id]) => decoded(id!)));
    ids.set(file, known);
    return known;
  };
  const dead: string[] = [];
  for (const page of pages) {
    const from = relative(site, page).split(sep).join('/');
    const html = readFileSync(page, 'utf8');
    const targets = new Set(
      [...html.matchAll(/\s(?:href|src)="([^"]+)"/g)].map(([, target]) => decoded(target!)),
    );
    for (const target of targets) {
      const reason = whyDead(target, from);
      if (reason) dead.push(`${from}: ${target}: ${reason}`);
    }
  }
  return dead;

  function whyDead(target: string, from: string): string | undefined {
    const source = new RegExp(`^${repository}/(?:blob|tree)/main/([^#]+)`).exec(target)?.[1];
    if (source !== undefined)
      return existsSync(join(root, decodeURI(source))) ? undefined : 'the repository has no such file';
    if (/^[a-z][\w+.-]*:|^\/\//i.test(target)) return undefined;
    const [path = '', anchor] = target.split('#');
    const whole =
      path === ''
        ? from
        : path.startsWith('/')
          ? posix.relative(base, path)
          : posix.join(posix.dirname(from), path);
    const file = join(site, decodeURI(whole.split('?')[0]!));
    const found = [file, `${file}.html`, join(file, 'index.html')].find(
      (each) => existsSync(each) && statSync(each).isFile(),
    );
    if (!found) return 'there is no such page';
    // a page that draws itself has its anchors later
    if (!anchor || !found.endsWith('.html') || whole.startsWith('playground/')) return undefined;
    return idsOf(found).has(decodeURIComponent(anchor)) ? undefined : 'the page has no such heading';
  }
}

/** Pages below a folder. */
export function htmlFiles(folder: string): readonly string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return htmlFiles(path);
    return entry.name.endsWith('.html') ? [path] : [];
  });
}

function decoded(text: string): string {
  return text
    .replaceAll('&amp;', '&')
    .replaceAll('&quot;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>');
}
