import { batch, effect, type Signal, signal } from '@preact/signals';
import { type Link, readLink, readValues, writeLink } from './link.ts';
import type { Value, View } from './view.ts';
import type { ViewEntry } from './views.ts';

/** A view that has been opened, with its state. */
interface Opened {
  readonly view: View;
  readonly state: Readonly<Record<string, Signal<Value>>>;
}

/** What the address bar says, as signals: a change of either is a change of both, and Back undoes it. */
export class Router {
  readonly views: readonly ViewEntry[];
  /** What the page shows; undefined while its code is coming. */
  readonly current: Signal<Opened | undefined> = signal(undefined);
  /** Id of what the page shows, or is about to. */
  readonly id: Signal<string>;
  /** The device that the link asks for. */
  readonly device: Signal<string | undefined> = signal(undefined);
  /** What the link asks for and there is not, in words. */
  readonly problems: Signal<readonly string[]> = signal([]);
  /** Why the code of a view did not come. */
  readonly failure: Signal<string | undefined> = signal(undefined);
  readonly #opened = new Map<string, Opened>();
  /** Of views that have not been opened, or are not shown. */
  readonly #hashes = new Map<string, string>();
  #reading = false;
  #lastChanged = '';

  constructor(views: readonly ViewEntry[]) {
    this.views = views;
    this.id = signal(views[0]!.id);
    addEventListener('hashchange', () => void this.read());
  }

  /** Where the menu leads: to the view as it was left. Never throws. */
  hrefOf(id: string): string {
    return this.#hashes.get(id) ?? writeLink({ view: id, device: this.device.value }, {}, {});
  }

  /** Follows the address bar. Never throws. */
  async read(): Promise<void> {
    const link = readLink(location.hash);
    const problems: string[] = [];
    const entry = this.views.find(({ id }) => id === link.view) ?? this.views[0]!;
    if (link.view !== undefined && link.view !== entry.id) {
      const known = this.views.map(({ id }) => id).join(', ');
      problems.push(`There is no view “${link.view}”; this is ${entry.title}. There are ${known}.`);
    }
    if (link.view === undefined && location.hash.length > 1 && !location.hash.includes('='))
      problems.push(`The link’s “${location.hash}” says nothing that this page knows.`);
    this.id.value = entry.id;
    this.failure.value = undefined;
    const opened = this.#opened.get(entry.id) ?? (await this.#open(entry));
    // another link may have come while the code did
    if (!opened || this.id.value !== entry.id) return;
    this.#show(opened, link, problems);
  }

  async #open(entry: ViewEntry): Promise<Opened | undefined> {
    this.current.value = undefined;
    try {
      const view = await entry.load();
      const state = Object.fromEntries(
        Object.entries(view.defaults).map(([name, value]) => [name, signal(value as Value)]),
      );
      const opened = { view, state };
      this.#opened.set(entry.id, opened);
      return opened;
    } catch (error) {
      this.failure.value = `${entry.title} could not be loaded: ${(error as Error).message}`;
      return undefined;
    }
  }

  #show(opened: Opened, link: Link, problems: readonly string[]): void {
    const { state, problems: found } = readValues(link.values, opened.view.defaults);
    this.#reading = true;
    batch(() => {
      for (const [name, value] of Object.entries(state)) opened.state[name]!.value = value;
      this.device.value = link.device;
      this.problems.value = [...problems, ...found];
      const isNew = this.current.peek() !== opened;
      this.current.value = opened;
      if (isNew) this.#watch(opened);
    });
    this.#reading = false;
    this.#hashes.set(opened.view.id, location.hash || this.hrefOf(opened.view.id));
    document.title = `${opened.view.title} · Headwise playground`;
  }

  #stopWatching: () => void = () => {};

  #watch(opened: Opened): void {
    this.#stopWatching();
    let before: Record<string, Value | undefined> | undefined;
    this.#stopWatching = effect(() => {
      const values = Object.fromEntries(
        Object.entries(opened.state).map(([name, each]) => [name, each.value]),
      );
      const now: Record<string, Value | undefined> = { ...values, device: this.device.value };
      const changed = Object.keys(now).filter((name) => before && before[name] !== now[name]);
      before = now;
      if (this.#reading || changed.length === 0 || this.current.peek() !== opened) return;
      this.#write(opened, values, changed.join());
    });
  }

  /** Changes of one name in a row are one step back. */
  #write({ view }: Opened, values: Record<string, Value>, changed: string): void {
    const hash = writeLink({ view: view.id, device: this.device.peek() }, values, view.defaults);
    const key = `${view.id} ${changed}`;
    if (key === this.#lastChanged) history.replaceState(null, '', hash);
    else history.pushState(null, '', hash);
    this.#lastChanged = key;
    this.#hashes.set(view.id, hash);
  }
}
