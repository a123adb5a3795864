import { SamplingError, show } from './errors.ts';
import { listAll, selectTop, selectWithin, shrinkTop } from './scan.ts';
import { kthLargest } from './select.ts';

/**
 * The tokens that may still come next, with their logits: what every filter shrinks and every choice reads.
 *
 * The model's logits are never written to. Until a filter asks for the list, nothing is copied at all: a pending
 * temperature is remembered as a divisor (it keeps the order, so it commutes with top-k) and {@link keepTop}
 * reads the array once. All storage is allocated once for a vocabulary and used again for every token.
 *
 * ```text
 * ids    [size]  ascending; a removed token never comes back
 * logits [size]  finite, in double precision; after temperature and penalties
 * weights[size]  exp(logit − max), so that p = weight / total
 * ```
 */
export class Candidates {
  #source: Float32Array = new Float32Array(0);
  #divisor = 1;
  #listed = true;
  #size = 0;
  #ids = new Uint32Array(0);
  #logits = new Float64Array(0);
  #weights = new Float64Array(0);
  #keys = new Float64Array(0);
  #order = new Uint32Array(0);
  #marks = new Uint8Array(0);
  #weighed = false;
  #maximum = 0;
  #total = 0;
  #note: string | undefined;

  /**
   * Starts with the whole vocabulary. Reads nothing yet; `logits` `[V]` must stay unchanged until the choice.
   * @throws {SamplingError} for anything else, or none.
   */
  load(logits: Float32Array): this {
    if (!isFloat32(logits)) {
      throw new SamplingError(
        'sample',
        `logits must be a Float32Array, got ${show(logits)}; Float32Array.from(logits) makes one`,
      );
    }
    if (logits.length === 0)
      throw new SamplingError('sample', 'logits are empty; a vocabulary has at least one token');
    this.#source = logits;
    this.#divisor = 1;
    this.#listed = false;
    this.#weighed = false;
    this.#note = undefined;
    this.#size = 0;
    return this;
  }

  /** `V`, the length of the logits. */
  get vocabulary(): number {
    return this.#source.length;
  }

  /** How many tokens are left; at least one. */
  get size(): number {
    this.#list();
    return this.#size;
  }

  /**
   * Token ids, ascending; only the first {@link size} count. Take it anew after a filter has run.
   * @throws {SamplingError} if the logits hold NaN or Infinity, or are all −Infinity; found when they are first read.
   */
  get ids(): Uint32Array {
    this.#list();
    return this.#ids;
  }

  /** Logits beside {@link ids}; only the first {@link size} count. Write only through the methods of this class. */
  get logits(): Float64Array {
    this.#list();
    return this.#logits;
  }

  /** `exp(logit − max)` beside {@link ids}; only the first {@link size} count. */
  get weights(): Float64Array {
    this.#weigh();
    return this.#weights;
  }

  /** Sum of {@link weights}. */
  get total(): number {
    this.#weigh();
    return this.#total;
  }

  /** Probability of the candidate at an index of {@link ids}. @throws as {@link ids} does. */
  probability(index: number): number {
    this.#weigh();
    return this.#weights[index]! / this.#total;
  }

  /** Entropy of the candidates' distribution, in nats. @throws as {@link ids} does. */
  entropy(): number {
    this.#weigh();
    let sum = 0;
    for (let i = 0; i < this.#size; i++) {
      const p = this.#weights[i]! / this.#total;
      if (p > 0) sum -= p * Math.log(p);
    }
    return sum;
  }

  /** Index of the largest logit; the lowest id where several are equal. @throws as {@link ids} does. */
  best(): number {
    this.#list();
    let best = 0;
    for (let i = 1; i < this.#size; i++) if (this.#logits[i]! > this.#logits[best]!) best = i;
    return best;
  }

  /** Index of a token id, or −1 if it is no candidate. @throws as {@link ids} does. */
  indexOf(id: number): number {
    this.#list();
    let low = 0;
    let high = this.#size - 1;
    while (low <= high) {
      const mid = (low + high) >> 1;
      const found = this.#ids[mid]!;
      if (found === id) return mid;
      if (found < id) low = mid + 1;
      else high = mid - 1;
    }
    return -1;
  }

  /** Divides every logit by `divisor > 0`. @throws as {@link ids} does. */
  divide(divisor: number): void {
    if (divisor === 1) return;
    if (!this.#listed && this.#divisor === 1) {
      this.#divisor = divisor;
      return;
    }
    this.#list();
    for (let i = 0; i < this.#size; i++) this.#logits[i] = this.#logits[i]! / divisor;
    this.#weighed = false;
  }

  /**
   * Turns logits into log-probabilities by subtracting {@link logSumExp}; the distribution stays.
   * @throws as {@link ids} does.
   */
  normalize(): void {
    const sum = this.logSumExp();
    for (let i = 0; i < this.#size; i++) this.#logits[i] = this.#logits[i]! - sum;
    this.#maximum -= sum;
  }

  /**
   * Gives the candidate at `index` a new finite logit; `−Infinity` is for {@link remove}.
   * @throws {SamplingError} if it is not finite.
   */
  setLogit(index: number, logit: number): void {
    this.#list();
    if (!Number.isFinite(logit)) {
      const id = this.#ids[index];
      throw new SamplingError(
        'sample',
        `the logit of token ${id} would become ${logit}; remove the token instead`,
        {
          id,
          logit,
        },
      );
    }
    this.#logits[index] = logit;
    this.#weighed = false;
  }

  /** Removes tokens by id; ids that are no candidates are passed over. @throws as {@link ids} does. */
  remove(ids: Iterable<number>): void {
    this.#list();
    const marks = this.#marks.fill(1, 0, this.#size);
    for (const id of ids) {
      const index = this.indexOf(id);
      if (index >= 0) marks[index] = 0;
    }
    this.#compact();
  }

  /** Keeps the tokens with these ids, in any order, where they are candidates. @throws as {@link ids} does. */
  keepOnly(ids: Iterable<number>): void {
    this.#list();
    const marks = this.#marks.fill(0, 0, this.#size);
    for (const id of ids) {
      const index = this.indexOf(id);
      if (index >= 0) marks[index] = 1;
    }
    this.#compact();
  }

  /**
   * Keeps the candidates for which `keep(index)` holds, and in any case those whose logit is at least the
   * `minimum`-th largest (ties with it stay, as in Hugging Face's cutoffs). @throws as {@link ids} does.
   */
  retain(keep: (index: number) => boolean, minimum = 1): void {
    this.#list();
    const marks = this.#marks;
    let kept = 0;
    for (let i = 0; i < this.#size; i++) {
      const stays = keep(i);
      marks[i] = stays ? 1 : 0;
      if (stays) kept++;
    }
    if (kept < Math.min(minimum, this.#size)) {
      if (kept === 0) this.#say(minimum);
      const floor = this.#kth(minimum);
      for (let i = 0; i < this.#size; i++) if (this.#logits[i]! >= floor) marks[i] = 1;
    }
    this.#compact();
  }

  /**
   * Keeps the candidates whose logit is at least the `k`-th largest: `k` of them, or more if there are ties.
   * @throws as {@link ids} does.
   */
  keepTop(k: number): void {
    if (!this.#listed) {
      this.#reserve();
      const size = selectTop(this.#source, k, this.#ids, this.#logits, this.#keys);
      if (this.#divisor !== 1)
        for (let i = 0; i < size; i++) this.#logits[i] = this.#logits[i]! / this.#divisor;
      this.#adopt(size);
      return;
    }
    if (k >= this.#size) return;
    this.#size = shrinkTop(this.#ids, this.#logits, this.#size, k, this.#keys);
    this.#weighed = false;
  }

  /**
   * Keeps the candidates whose logit is at most `gap` below the best, and at least `minimum` (with ties).
   * @throws as {@link ids} does.
   */
  keepWithin(gap: number, minimum = 1): void {
    if (!this.#listed) {
      this.#reserve();
      const size = selectWithin(this.#source, this.#divisor, gap, this.#ids, this.#logits);
      if (size >= minimum) this.#adopt(size);
    }
    const edge = this.#logits[this.best()]! - gap;
    this.retain((i) => this.#logits[i]! >= edge, minimum);
  }

  /**
   * Keeps one token, whether or not it was a candidate. For rules that force a token; others never revive one.
   * @throws as {@link ids} does.
   */
  force(id: number): void {
    this.#list();
    this.#ids[0] = id;
    this.#logits[0] = 0;
    this.#size = 1;
    this.#weighed = false;
  }

  /** Logits `[V]` with `−Infinity` where a token was removed. @throws as {@link ids} does. */
  toLogits(): Float32Array {
    this.#list();
    const logits = new Float32Array(this.vocabulary).fill(-Infinity);
    for (let i = 0; i < this.#size; i++) logits[this.#ids[i]!] = this.#logits[i]!;
    return logits;
  }

  /**
   * Scratch of at least {@link size} doubles for a filter's own keys; the next filter overwrites it.
   * @throws as {@link ids} does.
   */
  scratchKeys(): Float64Array {
    this.#list();
    return this.#keys;
  }

  /** Scratch of at least {@link size} indices. @throws as {@link ids} does. */
  scratchOrder(): Uint32Array {
    this.#list();
    return this.#order;
  }

  /** What the last filter could not do, if anything; reading clears it. Never throws. */
  takeNote(): string | undefined {
    const note = this.#note;
    this.#note = undefined;
    return note;
  }

  #say(minimum: number): void {
    this.#note = `would have removed every candidate; kept the best ${minimum === 1 ? 'one' : minimum}`;
  }

  /** The `k`-th largest logit, `k` clamped to the size. */
  #kth(k: number): number {
    this.#keys.set(this.#logits.subarray(0, this.#size));
    return kthLargest(this.#keys, this.#size, Math.min(k, this.#size));
  }

  /** Moves the marked candidates to the front; if none is marked, the best one stays. */
  #compact(): void {
    let best = -1;
    let write = 0;
    for (let read = 0; read < this.#size; read++) {
      if (this.#marks[read] === 0) {
        if (write === 0 && (best < 0 || this.#logits[read]! > this.#logits[best]!)) best = read;
        continue;
      }
      if (write !== read) {
        this.#ids[write] = this.#ids[read]!;
        this.#logits[write] = this.#logits[read]!;
        if (this.#weighed) this.#weights[write] = this.#weights[read]!;
      }
      write++;
    }
    if (write === 0) {
      this.#ids[0] = this.#ids[best]!;
      this.#logits[0] = this.#logits[best]!;
      this.#weighed = false;
      write = 1;
      this.#say(1);
    }
    if (write < this.#size) {
      this.#size = write;
      this.#recount();
    }
  }

  /** After a removal the weights stay valid unless the maximum has gone, which they are measured from. */
  #recount(): void {
    if (!this.#weighed) return;
    this.#total = 0;
    let largest = 0;
    for (let i = 0; i < this.#size; i++) {
      const weight = this.#weights[i]!;
      this.#total += weight;
      if (weight > largest) largest = weight;
    }
    this.#weighed = largest === 1;
  }

  #weigh(): void {
    if (this.#weighed && this.#listed) return;
    this.#list();
    const logits = this.#logits;
    const weights = this.#weights;
    const size = this.#size;
    let maximum = logits[0]!;
    for (let i = 1; i < size; i++) if (logits[i]! > maximum) maximum = logits[i]!;
    let total = 0;
    for (let i = 0; i < size; i++) total += weights[i] = Math.exp(logits[i]! - maximum);
    this.#maximum = maximum;
    this.#total = total;
    this.#weighed = true;
  }

  /** Natural logarithm of `Σ exp(logit)`: `logit − logSumExp()` is a log-probability. @throws as {@link ids} does. */
  logSumExp(): number {
    this.#weigh();
    return this.#maximum + Math.log(this.#total);
  }

  /** The whole vocabulary as a list, without the tokens whose logit is `−Infinity`. */
  #list(): void {
    if (this.#listed) return;
    this.#reserve();
    this.#adopt(listAll(this.#source, this.#divisor, this.#ids, this.#logits));
  }

  #adopt(size: number): void {
    if (size === 0) {
      throw new SamplingError(
        'sample',
        `all ${this.#source.length} logits are -Infinity: no token is left to sample`,
      );
    }
    this.#size = size;
    this.#divisor = 1;
    this.#listed = true;
    this.#weighed = false;
  }

  #reserve(): void {
    const { length } = this.#source;
    if (this.#ids.length >= length) return;
    this.#ids = new Uint32Array(length);
    this.#logits = new Float64Array(length);
    this.#weights = new Float64Array(length);
    this.#keys = new Float64Array(length);
    this.#order = new Uint32Array(length);
    this.#marks = new Uint8Array(length);
  }
}

function isFloat32(value: unknown): value is Float32Array {
  return value instanceof Float32Array || Object.prototype.toString.call(value) === '[object Float32Array]';
}
