import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type DefaultTheme, defineConfig } from 'vitepress';

const docs = fileURLToPath(new URL('..', import.meta.url));
const repository = 'https://github.com/headwise/headwise';

/** The guides, in the order in which one reads them; one that is not written yet is left out. */
const guides = [
  { text: 'Start', link: '/start' },
  { text: 'Choose a variant', link: '/choose-a-variant' },
  { text: 'Self-attention, from the beginning', link: '/self-attention' },
  { text: 'Algorithms that are learnt', link: '/algorithms' },
  { text: 'Load a checkpoint', link: '/load-a-checkpoint' },
  { text: 'Train', link: '/train' },
  { text: 'Measure honestly', link: '/measure-honestly' },
  { text: 'Write a variant', link: '/write-a-variant' },
  { text: 'Write a cache', link: '/write-a-cache' },
  { text: 'Write a device', link: '/write-a-device' },
].filter(({ link }) => existsSync(`${docs}${link}.md`));

/** Pages that are generated, by their first heading. */
function pagesIn(folder: string): DefaultTheme.SidebarItem[] {
  if (!existsSync(`${docs}/${folder}`)) return [];
  return walk(folder)
    .filter((file) => !file.endsWith('/index.md'))
    .map((file) => {
      const text = /^# (.+)$/m.exec(readFileSync(`${docs}/${file}`, 'utf8'))?.[1] ?? file;
      return { text: text.replaceAll('\\', ''), link: `/${file.replace(/\.md$/, '')}` };
    });
}

function walk(folder: string): string[] {
  return readdirSync(`${docs}/${folder}`, { withFileTypes: true })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) =>
      entry.isDirectory()
        ? walk(`${folder}/${entry.name}`)
        : entry.name.endsWith('.md')
          ? [`${folder}/${entry.name}`]
          : [],
    );
}

const sidebar = [
  { text: 'Guides', items: guides },
  {
    text: 'Variants',
    collapsed: false,
    items: [{ text: 'All of them', link: '/variants/' }, ...pagesIn('variants')],
  },
  { text: 'Reference', collapsed: true, items: pagesIn('api') },
  { text: 'Playground', link: '/playground' },
];

export default defineConfig({
  title: 'Headwise',
  description: 'Attention variants as installable components for JavaScript.',
  base: process.env.DOCS_BASE ?? '/',
  lastUpdated: false,
  // the build itself looks for links that lead nowhere, files of the repository included
  ignoreDeadLinks: true,
  markdown: {
    config(md) {
      // guides are read on GitHub too: what they link outside this folder is shown there
      const render =
        md.renderer.rules.link_open ??
        ((tokens, i, options, _env, self) => self.renderToken(tokens, i, options));
      md.renderer.rules.link_open = (tokens, i, options, env, self) => {
        const token = tokens[i]!;
        const href = token.attrGet('href');
        const page = String(env.relativePath ?? '');
        if (href && !/^([a-z][\w+.-]*:|[#/])/i.test(href)) {
          const target = new URL(href, `file:///docs/${page}`).href.slice('file:///'.length);
          if (!target.startsWith('docs/')) {
            token.attrSet('href', `${repository}/blob/main/${target}`);
            token.attrSet('target', '_blank');
            token.attrSet('rel', 'noreferrer');
          }
        }
        return render(tokens, i, options, env, self);
      };
    },
  },
  themeConfig: {
    nav: [
      { text: 'Guides', link: '/start', activeMatch: '^/(start|choose|self|load|train|measure|write)' },
      { text: 'Variants', link: '/variants/', activeMatch: '^/variants/' },
      { text: 'Reference', link: '/api/', activeMatch: '^/api/' },
      { text: 'Playground', link: '/playground' },
    ],
    sidebar,
    outline: { level: [2, 3] },
    search: { provider: 'local' },
    socialLinks: [{ icon: 'github', link: repository }],
    footer: { message: 'MIT' },
  },
  vite: {
    // without these a page gets no shared memory, and the playground one thread
    server: {
      headers: {
        'Cross-Origin-Opener-Policy': 'same-origin',
        'Cross-Origin-Embedder-Policy': 'require-corp',
      },
    },
    preview: {
      headers: {
        'Cross-Origin-Opener-Policy': 'same-origin',
        'Cross-Origin-Embedder-Policy': 'require-corp',
      },
    },
    build: { chunkSizeWarningLimit: 4000 },
  },
});
