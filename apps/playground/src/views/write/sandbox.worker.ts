import { wasm } from '@headwise/device-wasm';
import { knownDevices } from '@headwise/tensor';
import { judge, type Told } from './judge.ts';
import type { Typed } from './written.ts';

/** Code of strangers is judged here: a worker without network, which the page ends when it takes too long. */
const devices = knownDevices([wasm])
  .filter(({ name }) => !/reference|headlessgl/.test(name))
  .sort((a, b) => (b.preference ?? 0) - (a.preference ?? 0));

// what an origin keeps, and the way to other pages of it; the network is closed by the frame's policy
for (const name of ['indexedDB', 'caches', 'BroadcastChannel'])
  for (let holder: object | null = globalThis; holder; holder = Object.getPrototypeOf(holder))
    Reflect.deleteProperty(holder, name);

addEventListener(
  'message',
  ({ data }: MessageEvent<{ readonly typed: Typed; readonly port: MessagePort }>) => {
    const { typed, port } = data;
    // the message leaves before the step that may never end begins
    const tell = (told: Told): Promise<void> => {
      port.postMessage(told);
      return new Promise((resolve) => setTimeout(resolve, 0));
    };
    judge(typed, devices, tell).catch((error: Error) =>
      port.postMessage({ kind: 'failed', message: error.message }),
    );
  },
);
