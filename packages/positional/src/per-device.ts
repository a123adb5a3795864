import type { Device } from '@headwise/tensor';

/**
 * One thing for each device that asks for it. A device that nobody holds any more takes its thing along;
 * `dispose` frees those of all devices that are left.
 */
export class PerDevice<Held extends Disposable> implements Disposable {
  #byDevice = new WeakMap<Device, Held>();
  readonly #held = new Set<WeakRef<Held>>();

  get(device: Device, make: () => Held): Held {
    const before = this.#byDevice.get(device);
    if (before) return before;
    const held = make();
    this.#byDevice.set(device, held);
    for (const ref of this.#held) if (!ref.deref()) this.#held.delete(ref);
    this.#held.add(new WeakRef(held));
    return held;
  }

  dispose(): void {
    for (const ref of this.#held) ref.deref()?.[Symbol.dispose]();
    this.#held.clear();
    this.#byDevice = new WeakMap();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
