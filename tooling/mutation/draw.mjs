/**
 * A checker of StrykerJS that lets N mutants through, drawn evenly over the files by a seed, and sorts the others out as
 * if they did not compile: those are counted nowhere. JavaScript, for StrykerJS loads it by itself.
 *
 * Only mutants that some test runs come here; those in code no test runs are all in the report anyway.
 */
import { drawn } from './drawn.mjs';

class DrawChecker {
  #chosen = new Set();

  async init() {}

  /** Sees all mutants at once, before any is checked. */
  async group(mutants) {
    const { HEADWISE_DRAW: count, HEADWISE_DRAW_SEED: seed } = process.env;
    this.#chosen = new Set(drawn(mutants, Number(count), Number(seed)).map(({ id }) => id));
    return [mutants.map(({ id }) => id)];
  }

  async check(mutants) {
    return Object.fromEntries(
      mutants.map(({ id }) => [
        id,
        this.#chosen.has(id) ? { status: 'passed' } : { status: 'compileError', reason: 'not drawn' },
      ]),
    );
  }
}

export const strykerPlugins = [{ kind: 'Checker', name: 'draw', injectableClass: DrawChecker }];
