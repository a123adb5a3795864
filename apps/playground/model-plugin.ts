import { createReadStream, readdirSync, readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, extname, join } from 'node:path';
import type { Plugin } from 'vite';

const shipped = join(
  dirname(createRequire(import.meta.url).resolve('headwise/package.json')),
  'assets/little-stories',
);

/** Where the page finds the files of the model, beside itself. */
const PATH = 'models/little-stories/';

const types: Readonly<Record<string, string>> = { '.json': 'application/json' };

/** Puts the model that ships with the command line beside the page, as static files. */
export function modelPlugin(): Plugin {
  const names = readdirSync(shipped).filter((name) => !name.endsWith('.md'));
  return {
    name: 'headwise-model',
    configureServer(server) {
      server.middlewares.use((request, response, next) => {
        const [, name] = (request.url ?? '').split('?')[0]!.split(`/${PATH}`);
        if (name === undefined || !names.includes(name)) return next();
        const file = join(shipped, name);
        response.setHeader('Content-Type', types[extname(name)] ?? 'application/octet-stream');
        response.setHeader('Content-Length', statSync(file).size);
        createReadStream(file).pipe(response);
      });
    },
    generateBundle() {
      for (const name of names)
        this.emitFile({
          type: 'asset',
          fileName: `${PATH}${name}`,
          source: readFileSync(join(shipped, name)),
        });
    },
  };
}
