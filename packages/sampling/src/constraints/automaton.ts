import { SamplingError, show } from '../errors.ts';
import type { Grammar } from './expression.ts';
import { checkGrammar } from './grammar-checks.ts';
import { type LazyGrammar, Network, returnNode } from './network.ts';

/** Says byte by byte whether a text can still become a complete one. States are small integers. */
export interface Matcher {
  readonly name: string;
  readonly start: number;
  /**
   * The state after one more byte of UTF-8, or −1 if no text can begin like that.
   *
   * @throws {SamplingError} if `state` is none that this matcher gave, or `byte` is not 0 to 255.
   */
  next(state: number, byte: number): number;
  /**
   * Is what was read a complete text?
   *
   * @throws {SamplingError} if `state` is none that this matcher gave.
   */
  accepts(state: number): boolean;
}

/** Where to go on after a rule, as a linked list; equal stacks are one object, so a number names each. */
interface Stack {
  readonly next: number;
  readonly below: number;
}

interface State {
  /** Where the text can be, ascending: a byte node and a stack in one number, `node · 2²⁶ + stack + 1`. */
  readonly places: readonly number[];
  readonly complete: boolean;
  /** `[256]`: where each byte leads; made at the first question. */
  after: Int32Array | undefined;
}

const bottom = -1;
const dead = -1;
const unknown = -2;
/** More stacks, or nodes than 2⁵³ divided by it, would take gigabytes. */
const stackSpan = 2 ** 26;
/** Places one state may have: an expression that is in so many places at once is a mistake, and slow. */
const mostPlaces = 20_000;
/** What a matcher keeps in memory before it starts anew, in units of about 8 bytes. */
const keptUnits = 8_000_000;
const units = { state: 40, row: 130, node: 10, stack: 20 };

/**
 * Runs a grammar as a pushdown automaton: a state is the set of places the text can be at, each with the rules
 * that are still open. States are made when first met, and each remembers where its bytes lead, so that in
 * practice matching is a table look-up.
 *
 * What is remembered is bounded by `memory` (units of about 8 bytes, default 64 MB) and by what the text at hand
 * needs: beyond it everything is forgotten but the way to each state, and made again when asked for.
 *
 * @throws {SamplingError} if the grammar is left-recursive, incomplete, too large, too ambiguous, or matches nothing.
 */
export function createMatcher(
  name: string,
  grammar: Grammar | LazyGrammar,
  { memory = keptUnits }: { readonly memory?: number } = {},
): Pushdown {
  if ('rules' in grammar) checkGrammar(name, grammar);
  return new Pushdown(name, grammar, memory);
}

/** The matcher that {@link createMatcher} makes. */
export class Pushdown implements Matcher {
  readonly name: string;
  readonly start = 0;
  readonly #grammar: Grammar | LazyGrammar;
  readonly #memory: number;
  /** The state before and the byte that led to each state there ever was: from these it can be made again. */
  readonly #parents: number[] = [-1];
  readonly #bytes: number[] = [0];
  #network: Network;
  #stacks: Stack[] = [];
  #stackNumbers = new Map<string, number>();
  #states = new Map<number, State>();
  #stateNumbers = new Map<string, number>();
  #used = 0;
  #limit: number;

  constructor(name: string, grammar: Grammar | LazyGrammar, memory: number) {
    this.name = name;
    this.#grammar = grammar;
    this.#memory = memory;
    this.#network = new Network(name, grammar);
    this.#limit = memory;
    this.#state(this.start);
  }

  /** What is kept in memory now. */
  get held(): { readonly states: number; readonly nodes: number; readonly units: number } {
    const nodes = this.#network.nodes.length;
    return { states: this.#states.size, nodes, units: this.#used + units.node * nodes };
  }

  next(state: number, byte: number): number {
    if (state === dead) return dead;
    const { after } = this.#withRow(state);
    const known = after[byte];
    if (known === undefined) {
      throw new SamplingError(this.name, `a byte must be a whole number from 0 to 255, got ${show(byte)}`);
    }
    if (known !== unknown) return known;
    if (this.held.units > this.#limit) this.#forget();
    const reached = this.#step(this.#state(state).places, byte);
    const result = reached ? this.#number(reached, state, byte) : dead;
    this.#withRow(state).after[byte] = result;
    return result;
  }

  accepts(state: number): boolean {
    return state !== dead && this.#state(state).complete;
  }

  /** Drops all that can be made again. The next limit leaves room beyond what the text at hand needs. */
  #forget(): void {
    if ('expand' in this.#grammar) {
      this.#grammar.forget();
      this.#network = new Network(this.name, this.#grammar);
    }
    this.#stacks = [];
    this.#stackNumbers = new Map();
    this.#states = new Map();
    this.#stateNumbers = new Map();
    this.#used = 0;
    this.#limit = Infinity;
  }

  #withRow(number: number): State & { after: Int32Array } {
    const state = this.#state(number);
    if (!state.after) {
      state.after = new Int32Array(256).fill(unknown);
      this.#used += units.row;
    }
    return state as State & { after: Int32Array };
  }

  #state(number: number): State {
    const known = this.#states.get(number);
    if (known) return known;
    if (!Number.isInteger(number) || number < 0 || number >= this.#parents.length) {
      throw new SamplingError(
        this.name,
        `there is no state ${show(number)}; next() gives them, from start on`,
      );
    }
    const way: number[] = [];
    let at = number;
    for (; at !== this.start && !this.#states.has(at); at = this.#parents[at]!) way.push(this.#bytes[at]!);
    let state: State =
      this.#states.get(at) ?? this.#closure([this.#network.entry(this.#grammar.root) * stackSpan])!;
    for (const byte of way.reverse()) state = this.#step(state.places, byte)!;
    this.#keep(number, state, keyOf(state));
    if (this.#limit === Infinity) this.#limit = this.#memory + 2 * this.held.units;
    return state;
  }

  #step(places: readonly number[], byte: number): State | undefined {
    const reached: number[] = [];
    for (const place of places) {
      const node = this.#network.nodes[Math.floor(place / stackSpan)]!;
      if (node.op === 'byte' && node.low <= byte && byte <= node.high)
        reached.push(node.next * stackSpan + (place % stackSpan));
    }
    return this.#closure(reached);
  }

  /** The state that consists of these places, followed through splits, calls and returns. */
  #closure(open: number[]): State | undefined {
    const seen = new Set<number>();
    const places: number[] = [];
    let complete = false;
    for (let place = open.pop(); place !== undefined; place = open.pop()) {
      if (seen.has(place)) continue;
      seen.add(place);
      if (seen.size > 4 * mostPlaces || places.length > mostPlaces) this.#tooAmbiguous();
      const at = Math.floor(place / stackSpan);
      const stack = (place % stackSpan) - 1;
      const node = this.#network.nodes[at]!;
      if (node.op === 'byte') places.push(place);
      else if (node.op === 'split') for (const to of node.to) open.push(to * stackSpan + stack + 1);
      else if (node.op === 'call') {
        // a call that ends its rule needs no way back: right recursion stays flat
        const back = node.next === returnNode ? stack : this.#push(node.next, stack);
        open.push(this.#network.entry(node.rule) * stackSpan + back + 1);
      } else if (stack === bottom) complete = true;
      else open.push(this.#stacks[stack]!.next * stackSpan + this.#stacks[stack]!.below + 1);
    }
    if (places.length === 0 && !complete) return undefined;
    return { places: places.sort((a, b) => a - b), complete, after: undefined };
  }

  #tooAmbiguous(): never {
    throw new SamplingError(
      this.name,
      `the grammar can be in more than ${mostPlaces} places at once; ` +
        'repeat fewer items that may be empty, as in (a?){50000}',
    );
  }

  #number(state: State, parent: number, byte: number): number {
    const key = keyOf(state);
    const known = this.#stateNumbers.get(key);
    if (known !== undefined) return known;
    const number = this.#parents.push(parent) - 1;
    this.#bytes.push(byte);
    this.#keep(number, state, key);
    return number;
  }

  #keep(number: number, state: State, key: string): void {
    this.#stateNumbers.set(key, number);
    this.#states.set(number, state);
    this.#used += units.state + 3 * state.places.length;
  }

  #push(next: number, below: number): number {
    const key = `${next}:${below}`;
    const known = this.#stackNumbers.get(key);
    if (known !== undefined) return known;
    if (this.#stacks.length >= stackSpan - 1)
      throw new SamplingError(this.name, `the text is nested more than ${stackSpan - 1} deep`);
    const number = this.#stacks.push({ next, below }) - 1;
    this.#stackNumbers.set(key, number);
    this.#used += units.stack;
    return number;
  }
}

function keyOf({ complete, places }: State): string {
  return `${complete ? '!' : ''}${places.join(',')}`;
}
