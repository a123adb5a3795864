import { createHash } from 'node:crypto';
import type { Plugin } from 'vite';

/**
 * Writes `sw.js`, a service worker that keeps every file of this build, so that the page works without a network once
 * it has been open. It answers from what it keeps, and a new build replaces all of it.
 */
export function offlinePlugin(): Plugin {
  return {
    name: 'headwise-offline',
    apply: 'build',
    enforce: 'post',
    generateBundle: {
      order: 'post',
      handler(_, bundle) {
        const names = Object.keys(bundle)
          .filter((name) => !name.endsWith('.map'))
          .sort();
        const hash = createHash('sha256');
        for (const name of names) {
          const file = bundle[name]!;
          hash.update(name).update(file.type === 'chunk' ? file.code : file.source);
        }
        const version = hash.digest('hex').slice(0, 16);
        this.emitFile({ type: 'asset', fileName: 'sw.js', source: worker(version, names) });
      },
    },
  };
}

function worker(version: string, names: readonly string[]): string {
  return `const cacheName = 'headwise-${version}';
const files = ${JSON.stringify(names)};

self.addEventListener('install', (event) => {
  event.waitUntil(
    caches
      .open(cacheName)
      .then((cache) => cache.addAll(files.map((file) => new Request(file, { cache: 'no-cache' }))))
      .then(() => self.skipWaiting()),
  );
});

self.addEventListener('activate', (event) => {
  const others = (names) => names.filter((name) => name.startsWith('headwise-') && name !== cacheName);
  event.waitUntil(
    caches
      .keys()
      .then((names) => Promise.all(others(names).map((name) => caches.delete(name))))
      .then(() => self.clients.claim()),
  );
});

self.addEventListener('fetch', (event) => {
  const url = new URL(event.request.url);
  if (event.request.method !== 'GET' || url.origin !== location.origin) return;
  event.respondWith(
    // the page itself comes from the network where there is one, so that a new build is seen at once
    event.request.mode === 'navigate'
      ? fetch(event.request).catch(() => caches.match('index.html', { ignoreVary: true }).then((kept) => kept ?? Response.error()))
      : caches.match(event.request, { ignoreSearch: true, ignoreVary: true }).then((kept) => kept ?? fetch(event.request)),
  );
});
`;
}
