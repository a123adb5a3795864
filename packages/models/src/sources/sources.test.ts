import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { ByteSource } from '../checkpoint.ts';
import { fileSource, pathFiles } from '../node.ts';
import { blobSource, joinedSource, memorySource, urlSource } from './byte-sources.ts';
import { filesOf, urlFiles } from './file-sets.ts';

const bytes = Uint8Array.from({ length: 1000 }, (_, n) => n % 251);
const folder = mkdtempSync(join(tmpdir(), 'headwise-sources-'));
const path = join(folder, 'model.bin');
writeFileSync(path, bytes);

/** How a server may answer a range. */
type Answer = (response: ServerResponse, start: number, end: number) => void;
const answers: Record<string, Answer> = {
  '/model.bin': (response, start, end) => partial(response, start, end),
  '/whole': (response) => response.writeHead(200).end(bytes),
  '/gone': (response) => response.writeHead(404).end(),
  '/broken': (response) => response.writeHead(500).end('no'),
  '/no-size': (response, start, end) =>
    response
      .writeHead(206, { 'content-range': `bytes ${start}-${end}/*` })
      .end(bytes.subarray(start, end + 1)),
  '/empty': (response) => response.writeHead(416, { 'content-range': 'bytes */0' }).end(),
  '/short': (response, start, end) =>
    response
      .writeHead(206, { 'content-range': `bytes ${start}-${end}/1000` })
      .end(bytes.subarray(start, start === 0 ? end + 1 : end - 1)),
  '/changing': (response, start, end) => partial(response, start, end, start === 0 ? '"a"' : '"b"'),
  '/growing': (response, start, end) =>
    response
      .writeHead(206, { 'content-range': `bytes ${start}-${end}/${start === 0 ? 1000 : 1001}` })
      .end(bytes.subarray(start, end + 1)),
  '/slow': (response, start, end) => {
    if (start === 0) partial(response, start, end);
  },
};

function partial(response: ServerResponse, start: number, end: number, etag = '"a"'): void {
  const last = Math.min(end, bytes.length - 1);
  const range = `bytes ${start}-${last}/${bytes.length}`;
  response.writeHead(206, { 'content-range': range, etag }).end(bytes.subarray(start, last + 1));
}

const asked: string[] = [];
const server: Server = createServer((request, response) => {
  asked.push(`${request.url} ${request.headers.range}`);
  const [, start, end] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? [];
  const answer = answers[request.url!.replace(/\?.*$/, '')] ?? answers['/gone']!;
  answer(response, Number(start), Number(end));
});
await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
afterAll(() => {
  server.closeAllConnections();
  server.close();
  rmSync(folder, { recursive: true });
});

const kinds: readonly [string, () => Promise<ByteSource>][] = [
  ['memory', async () => memorySource(bytes)],
  ['a Blob', async () => blobSource(new Blob([bytes]))],
  ['a file on disk', async () => fileSource(path)],
  ['a URL', async () => (await urlSource(`${base}/model.bin`))!],
  [
    'pieces of bytes',
    async () =>
      joinedSource(
        'pieces',
        [0, 7, 7, 500, 999].map((from, n, all) => memorySource(bytes.subarray(from, all[n + 1] ?? 1000))),
      ),
  ],
];

describe.each(kinds)('%s', (_, open) => {
  it('gives the bytes that were asked for', async () => {
    const source = await open();
    expect(source.size).toBe(1000);
    for (const [start, end] of [
      [0, 1000],
      [0, 0],
      [1000, 1000],
      [3, 700],
      [999, 1000],
    ] as const)
      expect([...(await source.read(start, end))], `${start} … ${end}`).toEqual([
        ...bytes.subarray(start, end),
      ]);
    source.close?.();
  });

  it('refuses bytes that it has not', async () => {
    const source = await open();
    for (const [start, end] of [
      [0, 1001],
      [-1, 5],
      [7, 3],
    ] as const)
      await expect(source.read(start, end)).rejects.toThrow(/ has 1000 bytes, and bytes .* were asked for$/);
    source.close?.();
  });

  it('stops when it is told to', async () => {
    const source = await open();
    const stopped = AbortSignal.abort(new Error('enough'));
    await expect(source.read(0, 10, stopped)).rejects.toThrow('enough');
    source.close?.();
  });
});

describe('a URL', () => {
  it('is asked for its size, and then for what is needed', async () => {
    asked.length = 0;
    const source = (await urlSource(`${base}/model.bin`))!;
    await source.read(900, 910);
    expect(asked).toEqual(['/model.bin bytes=0-7', '/model.bin bytes=900-909']);
  });

  it('may be none, or empty', async () => {
    expect(await urlSource(`${base}/gone`)).toBeUndefined();
    expect((await urlSource(`${base}/empty`))!.size).toBe(0);
  });

  it.each([
    ['/whole', /answers with the whole file: its server knows no ranges/],
    ['/broken', /answers bytes 0 … 7 with status 500, it must be 206$/],
    ['/no-size', /with Content-Range "bytes 0-7\/\*", which must say them and the size$/],
  ])('is refused when its server answers otherwise: %s', async (url, message) => {
    await expect(urlSource(base + url)).rejects.toThrow(message);
  });

  it.each([
    ['/short', /gave 8 of 10 bytes from 10 on/],
    ['/changing', /is another file than before: it changed while it was read$/],
    ['/growing', /is another file than before/],
  ])('is refused when it becomes another: %s', async (url, message) => {
    const source = (await urlSource(base + url))!;
    await expect(source.read(10, 20)).rejects.toThrow(message);
  });

  it('says that it cannot be reached', async () => {
    await expect(urlSource('http://127.0.0.1:1/model.bin')).rejects.toThrow(
      /^file: http:\/\/127.0.0.1:1\/model.bin cannot be reached: /,
    );
  });

  it('lets go of an answer that takes too long', async () => {
    const source = (await urlSource(`${base}/slow`))!;
    const control = new AbortController();
    const reading = source.read(10, 20, control.signal);
    control.abort(new Error('enough'));
    await expect(reading).rejects.toThrow('enough');
  });
});

describe('a set of files', () => {
  it('below a URL is a folder, or a file with those beside it', async () => {
    const one = urlFiles(`${base}/model.bin`);
    expect(one).toMatchObject({ main: 'model.bin', names: undefined });
    expect((await one.open('model.bin'))!.size).toBe(1000);
    expect(await urlFiles(base).open('other.bin')).toBeUndefined();
    expect((await urlFiles(`${base}/?x=1`).open('model.bin'))!.name).toBe(`${base}/model.bin?x=1`);
  });

  it('on disk is a folder, or a file with those beside it', async () => {
    expect(pathFiles(folder)).toMatchObject({ main: undefined, names: ['model.bin'] });
    const one = pathFiles(path);
    expect(one).toMatchObject({ main: 'model.bin', names: ['model.bin'] });
    const source = (await one.open('model.bin'))!;
    expect(source.size).toBe(1000);
    source.close!();
    expect(await one.open('other.bin')).toBeUndefined();
    expect(() => pathFiles(join(folder, 'none'))).toThrow(/^model: there is no .*none$/);
    await expect(fileSource(folder)).rejects.toThrow('it is no file');
  });

  it('in a page are the files that were chosen', async () => {
    const chosen = filesOf([new File([bytes], 'a.gguf'), memorySource(bytes, 'folder/config.json')]);
    expect(chosen).toMatchObject({ name: 'a.gguf', names: ['a.gguf', 'config.json'] });
    expect([...(await (await chosen.open('a.gguf'))!.read(5, 7))]).toEqual([5, 6]);
  });
});

it('says of a file on disk that it became shorter', async () => {
  const cut = join(folder, 'cut.bin');
  writeFileSync(cut, bytes);
  const source = await fileSource(cut);
  truncateSync(cut, 100);
  await expect(source.read(90, 200)).rejects.toThrow(
    /gave 10 of 110 bytes from 90 on: it is shorter than when it was opened$/,
  );
  source.close!();
});
