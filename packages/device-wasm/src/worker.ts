/**
 * What a helper thread runs, as text: it becomes a worker without any file, in Node and in a browser.
 *
 * `bell` is shared by the process: [0] rings for a job, [1] names the memory the job is in, [2] counts letters, [3]
 * is set when a kernel failed, [4] counts helpers asleep. A helper looks at the bell for a while, then sleeps on it;
 * when a letter is on its way it goes back to its event loop to read it.
 */
export const workerSource = `
let bell, thread, letters, memories = new Map();
function receive(letter) {
  if (letter.bell) ({ bell, thread, letters } = letter);
  else letters++;
  for (const { id, memory, module } of letter.attach ?? []) {
    memories.set(id, { state: new Int32Array(memory.buffer), kernels: new WebAssembly.Instance(module, { env: { memory, abort() {} } }).exports });
  }
  if (letter.detach) memories.delete(letter.detach);
  if (letter.bell) post('ready');
  if (letters === Atomics.load(bell, 2)) serve();
}
function serve() {
  let heard = Atomics.load(bell, 0);
  for (;;) {
    let looks = 0, end = 0;
    while (Atomics.load(bell, 0) === heard) {
      if (++looks < 1000) continue;
      looks = 0;
      const now = performance.now();
      if (end === 0) end = now + SPIN;
      else if (now > end) {
        Atomics.add(bell, 4, 1);
        Atomics.wait(bell, 0, heard);
        Atomics.sub(bell, 4, 1);
      }
    }
    heard = Atomics.load(bell, 0);
    if (letters !== Atomics.load(bell, 2)) return;
    const place = memories.get(Atomics.load(bell, 1));
    if (!place) continue;
    try {
      place.kernels.help(thread);
    } catch (error) {
      Atomics.store(bell, 3, 1);
      Atomics.sub(place.state, CONTROL, 1);
    }
  }
}
let post;
if (typeof process === 'object' && process.versions && process.versions.node && typeof require === 'function') {
  const { parentPort } = require('node:worker_threads');
  post = (message) => parentPort.postMessage(message);
  parentPort.on('message', receive);
} else {
  post = (message) => postMessage(message);
  onmessage = ({ data }) => receive(data);
}
`;
