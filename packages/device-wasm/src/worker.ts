import { Bell, CONTROL } from './control.ts';

/**
 * Milliseconds that a helper looks at the bell before it sleeps: longer than the gaps between the jobs of a model, and
 * between the steps of a generation. Waking costs as much as a small job takes.
 */
const SPIN = 1;

/**
 * What a helper thread runs, as text: it becomes a worker without any file, in Node and in a browser.
 *
 * `bell` is shared by the pool: it rings for a job and names the memory the job is in, says when a kernel failed, how
 * many helpers are asleep, how many letters each was sent, and who has ended. A helper looks at the bell for a while,
 * then sleeps on it; when a letter is on its way to it, it goes back to its event loop to read it.
 *
 * Whatever goes wrong outside a kernel ends the helper, which says so in the bell as its last act. In a browser it
 * holds a lock as long as it lives, so that the pool hears of an end that leaves no time for last acts.
 */
export const workerSource = `
let bell, thread, letters = 0, memories = new Map();
function guarded(work) {
  try {
    work();
  } catch (error) {
    if (bell) Atomics.store(bell, ${Bell.ended} + thread, 1);
    throw error;
  }
}
function receive(letter) {
  if (letter.bell) {
    ({ bell, thread } = letter);
    const ready = () => post('ready');
    if (letter.lock) navigator.locks.request(letter.lock, () => (ready(), new Promise(() => {}))).catch(ready);
    else ready();
    return;
  }
  letters++;
  if (letter.attach) {
    const { id, memory, module } = letter.attach;
    memories.set(id, { memory, state: new Int32Array(memory.buffer), kernels: new WebAssembly.Instance(module, { env: { memory, abort() {} } }).exports });
  }
  if (letter.extend && memories.has(letter.extend.id)) {
    const { memory, kernels } = memories.get(letter.extend.id);
    const { exports } = new WebAssembly.Instance(letter.extend.module, { env: { ...kernels, memory }, Math });
    for (const entry of Object.values(exports)) kernels.table.grow(1, entry);
    kernels.functions.value = kernels.table.length;
  }
  if (letter.detach) memories.delete(letter.detach);
  if (letters === Atomics.load(bell, ${Bell.letters} + thread)) serve();
}
function serve() {
  let heard = Atomics.load(bell, ${Bell.rings});
  // a letter that came between the last look and this one has rung already
  while (letters === Atomics.load(bell, ${Bell.letters} + thread)) {
    let looks = 0, end = 0;
    while (Atomics.load(bell, ${Bell.rings}) === heard) {
      if (++looks < 1000) continue;
      looks = 0;
      const now = performance.now();
      if (end === 0) end = now + ${SPIN};
      else if (now > end) {
        Atomics.add(bell, ${Bell.asleep}, 1);
        Atomics.wait(bell, ${Bell.rings}, heard);
        Atomics.sub(bell, ${Bell.asleep}, 1);
      }
    }
    heard = Atomics.load(bell, ${Bell.rings});
    if (letters !== Atomics.load(bell, ${Bell.letters} + thread)) return;
    const place = memories.get(Atomics.load(bell, ${Bell.place}));
    if (!place) continue;
    try {
      place.kernels.help(thread);
    } catch (error) {
      Atomics.store(bell, ${Bell.failed}, 1);
      Atomics.sub(place.state, ${CONTROL / 4}, 1);
    }
  }
}
let post;
if (typeof process === 'object' && process.versions && process.versions.node && typeof require === 'function') {
  const { parentPort } = require('node:worker_threads');
  post = (message) => parentPort.postMessage(message);
  parentPort.on('message', (letter) => guarded(() => receive(letter)));
} else {
  post = (message) => postMessage(message);
  onmessage = ({ data }) => guarded(() => receive(data));
}
`;
