import { raspQuick } from './src/rasp/profile.ts';
import { runRasp } from './src/rasp/run.ts';

const [task, enc, length, steps] = process.argv.slice(2);
const r = await runRasp({
  profile: { ...raspQuick, encodings: [enc!], tasks: { [task!]: { length: +length!, steps: +steps! } } },
  store: () => ({ read: () => undefined, write: () => {} }),
  machine: 'x',
});
console.log(JSON.stringify(r.cells[0]), process.cpuUsage());
