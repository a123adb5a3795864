/** One peer in a process of its own, so that no two runtimes share threads or caches. Speaks with bench.mjs. */
import { CHECKED } from './gpt.mjs';
import { dataOf, errorOf } from './work.mjs';

const { adapter, options } = JSON.parse(process.argv[2]);
const peer = await (await import(`./adapters/${adapter}.mjs`)).create(options);
let current;

const answers = {
  async prepare({ work }) {
    await current?.dispose?.();
    current = undefined;
    const data = dataOf(work);
    const made = await peer[work.kind]?.(work, data);
    if (!made || made.skip) return { skip: made?.skip ?? 'not offered' };
    const start = performance.now();
    await made.run();
    const first = performance.now() - start;
    // a step of training is judged by what the steps before it did to the loss
    let loss;
    for (let step = 1; made.loss && step <= CHECKED; step++) loss = await made.loss();
    if (made.loss) {
      current = made;
      return { loss };
    }
    const error = made.error ? made.error() : await errorOf(await made.result(), work, data);
    // engines compile hot code in the background: give them time before the first turn
    const warm = performance.now() + Math.min(600, first * 10);
    while (performance.now() < warm) await made.run();
    current = made;
    return { error, bytes: made.bytes };
  },

  async turn({ ms, clock }) {
    const samples = [];
    const read = clock === 'cpu' ? (current.cpu ?? cpu) : () => performance.now();
    await current.run();
    const end = performance.now() + ms;
    do {
      const start = await read();
      await current.run();
      samples.push(((await read()) - start) / (current.tokens ?? 1));
    } while (performance.now() < end);
    return { samples };
  },
};

/** Milliseconds that this process has computed. */
function cpu() {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

process.on('disconnect', () => process.exit(0));
process.on('message', async (message) => {
  try {
    process.send(await answers[message.ask](message));
  } catch (error) {
    process.send({ skip: String(error?.message ?? error).slice(0, 200) });
  }
});
process.send({ ready: true });
