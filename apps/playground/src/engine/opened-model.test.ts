import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import type { LoadProgress } from '@headwise/models';
import { createReference } from '@headwise/tensor';
import { afterEach, expect, it } from 'vitest';
import { closeModel, openedModel, openModel } from './opened-model.ts';

const folder = join(
  dirname(createRequire(import.meta.url).resolve('headwise/package.json')),
  'assets/little-stories',
);
const bytes = new Map(
  readdirSync(folder).flatMap((name) =>
    name.endsWith('.md') ? [] : [[name, readFileSync(join(folder, name))] as const],
  ),
);
const fileOf = (name: string, content: Uint8Array = bytes.get(name)!): File =>
  new File([Uint8Array.from(content)], name);
const all = (): File[] => [...bytes.keys()].map((name) => fileOf(name));
const signal = new AbortController().signal;
const quiet = { signal, onProgress: () => {} };

afterEach(closeModel);

it('opens files that were dropped, with progress to their last byte, and leaves the device as it was', async () => {
  const device = createReference();
  const seen: LoadProgress[] = [];
  const facts = await openModel({ files: all() }, device, {
    signal,
    onProgress: (each) => void seen.push(each),
  });
  expect(facts).toMatchObject({
    format: 'safetensors',
    family: expect.any(String),
    parameters: expect.any(Number),
  });
  expect(seen.at(-1)!.loaded).toBe(seen.at(-1)!.total);
  expect(device.memory.buffers).toBe(0);
  const { tokenizer, checkpoint } = openedModel()!;
  expect(tokenizer.decode(tokenizer.encode('A cat sat.'))).toContain('A cat sat.');
  expect(checkpoint.tensors.size).toBeGreaterThan(10);
  expect(tokenizer.size).toBe(facts.V);
});

it('opens a URL by ranges', async () => {
  const server = createServer(({ url = '/', headers }, response) => {
    const content = bytes.get(url.slice(1));
    const [, start, end] = /^bytes=(\d+)-(\d+)$/.exec(headers.range ?? '') ?? [];
    if (!content || start === undefined) return void response.writeHead(404).end();
    const last = Math.min(Number(end), content.length - 1);
    response.writeHead(206, { 'content-range': `bytes ${start}-${last}/${content.length}` });
    response.end(content.subarray(Number(start), last + 1));
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const at = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  try {
    // a folder behind a URL cannot be listed, so its tokenizer must have a usual name
    await expect(openModel({ url: `${at}/` }, createReference(), quiet)).rejects.toThrow(
      'comes without a tokenizer',
    );
    await expect(openModel({ url: `${at}/none/` }, createReference(), quiet)).rejects.toThrow(
      /has no config\.json/,
    );
  } finally {
    server.closeAllConnections();
    server.close();
  }
  await expect(openModel({ url: 'not a url' }, createReference(), quiet)).rejects.toThrow('is no URL');
});

it('says what the library says of broken files, and keeps what was open', async () => {
  const device = createReference();
  await openModel({ files: all() }, device, quiet);
  const before = openedModel();
  const config = fileOf('config.json');
  const vocabulary = fileOf('tokenizer.vocab.json');
  const cut = fileOf('model.safetensors', bytes.get('model.safetensors')!.subarray(0, 100_000));
  const broken: readonly (readonly [readonly File[], RegExp])[] = [
    [[config, cut, vocabulary], /model\.safetensors/],
    [[fileOf('model.safetensors')], /has no config\.json/],
    [[config, fileOf('model.safetensors')], /comes without a tokenizer/],
    [[new File(['{'], 'config.json'), fileOf('model.safetensors')], /config/],
    [[new File(['GGUF'], 'a.gguf')], /a\.gguf/],
    [[], /no file was given/],
  ];
  for (const [files, message] of broken) {
    await expect(openModel({ files }, device, quiet)).rejects.toThrow(message);
    expect(openedModel()).toBe(before);
    expect(device.memory.buffers).toBe(0);
  }
});

it('stops when it is given up', async () => {
  const control = new AbortController();
  const opening = openModel({ files: all() }, createReference(), {
    signal: control.signal,
    onProgress: () => control.abort(new Error('enough')),
  });
  await expect(opening).rejects.toThrow('enough');
  expect(openedModel()).toBeUndefined();
});
