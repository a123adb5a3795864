import { stepOf } from '@headwise/models';
import { chain, generate, greedy } from '@headwise/sampling';
import { printable } from '@headwise/tensor';
import { openDevice } from '../devices.ts';
import { exitCodes, type Io } from '../io.ts';
import { decoderOf, loadModel, shippedModel } from '../load-model.ts';
import { createWrapper } from '../wrap.ts';

const PROMPT = 'Once upon a time';

/** `headwise introduce`: the shipped model tells a story, so that a newcomer sees the parts work together. */
export async function runIntroduce(io: Io): Promise<number> {
  const device = await openDevice('auto', io.note);
  try {
    const model = await loadModel(device, shippedModel, { signal: io.signal });
    const { tokenizer, stopIds } = model;
    const decoder = decoderOf(model, 'introduce');
    const { layers, H } = decoder.shape;
    const Hkv = Object.values(decoder.specs)[0]?.rows.k?.[0] ?? H;
    io.out(
      `A Llama of ${decoder.size} parameters (${layers} layers, ${H} query heads over ${Hkv} key/value heads) on ${device.name}:\n\n`,
    );
    const prompt = tokenizer!.encode(PROMPT);
    const stream = tokenizer!.stream();
    const wrapper = createWrapper(78, '  ', io.out);
    const show = (text: string): void => wrapper.push(printable(text));
    for (const id of prompt) show(stream.push(id));
    using session = decoder.start();
    const run = generate(stepOf(session), {
      prompt,
      sampler: chain(greedy()),
      maxTokens: decoder.context - prompt.length,
      stopIds: [...stopIds],
      signal: io.signal,
    });
    for await (const { id } of run) show(stream.push(id));
    show(stream.end());
    wrapper.end();
    const { ids, timing } = run.summary;
    io.out(
      `\n${ids.length} tokens, ${Math.round(timing.tokensPerSecond)} a second, computed by ${device.ran}.\n`,
    );
    io.out('Yours: pnpm headwise generate --prompt "One day, Ada found a small seed"\n');
    return exitCodes.ok;
  } finally {
    device.dispose();
  }
}
