import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { numbersOf, readSafetensors } from '@headwise/models';
import { assertClose } from '@headwise/tensor/testing';
import { describe, expect, it } from 'vitest';
import golden from '../../golden/little-stories.json' with { type: 'json' };
import { shippedModel } from '../load-model.ts';
import { headwise, json, temporaryFolder } from '../testing/run.ts';

const story = golden.greedy[3]!;

// whole texts on the fastest device, and one that ends by itself on all; the others to here, where there is no time for all
const FIRST = 40;
const long = process.env.HEADWISE_LONG === '1';

describe.each(['reference', 'gpujs:webasm', 'gpujs:cpu', 'wasm'])('on %s', (device) => {
  it.each(golden.greedy)('generates the ids that PyTorch does for "$prompt"', async (want) => {
    const whole = long || device === 'wasm' || want === story || want.generated_ids.length <= FIRST;
    const argv = ['generate', '--prompt', want.prompt, '--temperature', '0', '--device', device];
    const got = await json(whole ? argv : [...argv, '--max-tokens', `${FIRST}`]);
    const ended = want.generated_ids.at(-1) === 2 ? 'stop-id' : 'context';
    expect(got).toMatchObject({
      device,
      prompt_ids: want.prompt_ids,
      generated_ids: whole ? want.generated_ids : want.generated_ids.slice(0, FIRST),
      reason: whole ? ended : 'length',
    });
    const text = String(got.text);
    if (whole) expect(text).toBe(want.text);
    else expect(text).toBe(want.text.slice(0, text.length));
    expect(text.length).toBeGreaterThan(want.prompt.length + 20);
  });

  it('writes the logits at every position', async () => {
    const file = join(temporaryFolder(), 'logits.safetensors');
    const { ids, last, atol } = golden.logits;
    const got = await json(['generate', '--ids', ids.join(), '--logits', file, '--device', device]);
    expect(got).toMatchObject({ prompt_ids: ids, generated_ids: [], reason: 'none' });
    const { tensors } = readSafetensors(new Uint8Array(readFileSync(file)));
    expect(tensors.get('logits')).toMatchObject({ dtype: 'F32', shape: [ids.length, 1024] });
    expect([...numbersOf(tensors.get('input_ids')!)]).toEqual(ids);
    const rows = tensors.get('logits')!.data as Float32Array;
    assertClose(rows.subarray(-1024), last, { atol, rtol: 0 });
    expect(rows.indexOf(Math.max(...rows.subarray(0, 1024)))).toBe(ids[1]);
  });
});

it('streams the text that the document has', async () => {
  const { code, out, err } = await headwise(['generate', '--prompt', story.prompt, '--device', 'reference']);
  expect(code).toBe(0);
  expect(out).toBe(`${story.text}\n`);
  expect(err).toMatch(/^\d+ tokens \(the text ended\), [\d.]+ tokens\/s on reference \(ran: reference\)\n$/);
});

it('stops at --max-tokens, and says so', async () => {
  const got = await json([
    'generate',
    '--prompt',
    story.prompt,
    '--max-tokens',
    '7',
    '--device',
    'reference',
  ]);
  expect(got).toMatchObject({ reason: 'length', generated_ids: story.generated_ids.slice(0, 7) });
  expect(`${story.prompt}${got.generated_text}`).toBe(got.text);
});

it('fills the context to its last position, and no further', async () => {
  const ids = Array.from({ length: 255 }, () => 428).join();
  const got = await json(['generate', '--ids', ids, '--max-tokens', '50', '--device', 'wasm']);
  expect(got.reason).toBe('context');
  expect(got.generated_ids).toHaveLength(2);
  const { code, err } = await headwise(['generate', '--ids', `${ids},1,1`, '--device', 'wasm']);
  expect(code).toBe(2);
  expect(err).toContain('the prompt has 257 tokens, the model’s context is 256');
});

it('draws the same from the same seed, and something else from another', async () => {
  const drawn = (seed: string, ...more: string[]): Promise<Record<string, unknown>> =>
    json([
      'generate',
      '--temperature',
      '1.2',
      '--seed',
      seed,
      '--max-tokens',
      '40',
      '--device',
      'wasm',
      ...more,
    ]);
  const first = await drawn('7');
  expect(first.sampling).toEqual({ temperature: 1.2, seed: 7 });
  expect((await drawn('7')).generated_ids).toEqual(first.generated_ids);
  expect((await drawn('8')).generated_ids).not.toEqual(first.generated_ids);
  const greedy = await json(['generate', '--max-tokens', '40', '--device', 'wasm']);
  for (const narrow of [
    ['--top-k', '1'],
    ['--top-p', '0.0001'],
    ['--min-p', '1'],
  ])
    expect((await drawn('7', ...narrow)).generated_ids).toEqual(greedy.generated_ids);
});

it('notes options that change nothing at temperature 0', async () => {
  const { code, err } = await headwise(['generate', '--seed', '1', '--max-tokens', '1', '--device', 'wasm']);
  expect(code).toBe(0);
  expect(err).toContain('--seed changes nothing at temperature 0; --temperature 0.8 would draw');
});

it('stops cleanly when it is interrupted, with what there is until then', async () => {
  const controller = new AbortController();
  const { code, out } = await headwise(['generate', '--device', 'reference'], {
    signal: controller.signal,
    onOut: (text) => {
      if (text.split(' ').length > 20) controller.abort(new Error('interrupted'));
    },
  });
  expect(code).toBe(130);
  expect(out.endsWith('\n')).toBe(true);
  const { text } = golden.greedy[0]!;
  expect(text.startsWith(out.trimEnd())).toBe(true);
  expect(out.length).toBeLessThan(text.length / 2);
});

it('says that it was interrupted while it loaded in the document too', async () => {
  const { code, out } = await headwise(['generate', '--device', 'reference', '--json'], {
    signal: AbortSignal.abort(new Error('interrupted')),
  });
  expect(code).toBe(130);
  expect(JSON.parse(out)).toEqual({ error: { kind: 'Error', message: 'interrupted' } });
});

describe('with a tokenizer.json and a chat template', () => {
  const folder = temporaryFolder();
  // the pieces of the shipped model, as Hugging Face writes them
  const { pieces } = JSON.parse(readFileSync(join(shippedModel, 'tokenizer.vocab.json'), 'utf8')) as {
    pieces: string[];
  };
  const vocab = Object.fromEntries(
    pieces.map((piece, id) => [`${id < 3 ? id : ''}${piece.replaceAll(' ', '▁')}`, id]),
  );
  const tokenizer = {
    model: { type: 'BPE', vocab, merges: [], unk_token: null },
    added_tokens: [{ id: 2, content: `2${pieces[2]}`, special: true }],
    normalizer: { type: 'Replace', pattern: { String: ' ' }, content: '▁' },
    decoder: {
      type: 'Sequence',
      decoders: [{ type: 'Replace', pattern: { String: '▁' }, content: ' ' }, { type: 'Fuse' }],
    },
  };
  for (const name of ['config.json', 'model.safetensors'])
    copyFileSync(join(shippedModel, name), join(folder, name));
  writeFileSync(join(folder, 'tokenizer.json'), JSON.stringify(tokenizer));
  writeFileSync(
    join(folder, 'tokenizer_config.json'),
    JSON.stringify({
      eos_token: `2${pieces[2]}`,
      chat_template:
        '{% for m in messages %}{{ m.role[0] }} {{ m.content }} {% endfor %}{% if add_generation_prompt %}a {% endif %}',
    }),
  );
  const argv = ['generate', '--model', folder, '--device', 'wasm', '--max-tokens', '3'];
  const ofLetters = (text: string): number[] => [...text].map((letter) => vocab[letter.replace(' ', '▁')]!);

  it('asks as the template says, and tells the answer alone', async () => {
    const got = await json([...argv, '--chat', '--system', 'be', '--prompt', 'hi']);
    expect(got.prompt_ids).toEqual(ofLetters('s be u hi a '));
    const { out } = await headwise([...argv, '--chat', '--system', 'be', '--prompt', 'hi']);
    expect(out).toBe(`${got.generated_text}\n`);
    expect((await json([...argv, '--prompt', 'hi'])).prompt_ids).toEqual(ofLetters('hi'));
  });

  it.each([
    [['--system', 'a'], '--system is said before a conversation; give --chat too'],
    [['--chat'], '--chat answers what --prompt says; give it'],
    [[], 'has no piece that begins a text: give it a --prompt, or --ids'],
  ])('refuses %j', async (more, message) => {
    const { code, err } = await headwise([...argv, ...more]);
    expect(err).toContain(message);
    expect(code).toBe(2);
  });

  it('names a model without a template', async () => {
    const { err } = await headwise(['generate', '--chat', '--prompt', 'a', '--device', 'wasm']);
    expect(err).toContain('has no chat template: it was trained to continue texts; leave --chat out');
  });
});

it.each([
  [['--ids', '1,1024'], 1, 'generate: ids[1] must be a whole number from 0 to 1023'],
  [['--ids', '1', '--prompt', 'a'], 2, '--prompt and --ids say the same thing'],
  [['--temperature', '-1'], 2, '--temperature must be a number ≥ 0, got "-1"'],
  [['--top-p', '1.5'], 2, '--top-p must be in (0, 1], got "1.5"'],
  [['--device', 'gpujs:quantum'], 1, 'unknown device'],
])('refuses %j', async (argv, want, message) => {
  const { code, err } = await headwise(['generate', ...argv]);
  expect(err).toContain(message);
  expect(code).toBe(want);
});

it('multiplies quantized weights with 8 bits where asked to, on wasm alone', async () => {
  const argv = ['generate', '--prompt', story.prompt, '--max-tokens', '3', '--activations'];
  // the weights that ship are not quantized: nothing changes but what is said
  const got = await json([...argv, 'int8']);
  expect(got).toMatchObject({
    device: 'wasm',
    activations: 'int8',
    generated_ids: story.generated_ids.slice(0, 3),
  });
  expect(await json([...argv, 'exact', '--device', 'wasm'])).not.toHaveProperty('activations');
  const elsewhere = await headwise([...argv, 'int8', '--device', 'reference']);
  expect(elsewhere.code).toBe(2);
  expect(elsewhere.err).toContain(
    '--activations int8 is a way of the device wasm; leave --device reference out',
  );
  const unknown = await headwise([...argv, 'int4']);
  expect(unknown.code).toBe(2);
  expect(unknown.err).toContain('--activations takes exact or int8, got int4');
});
