import { attentionDeltaTask, attentionGradientTask } from './attention-gradient';
import { adamTask } from './adam';
import { attentionPackTask } from './attention-pack';
import { combineTask, decodeTask } from './decode';
import { gatherTask, rowsTask } from './copy';
// a line of its own: the light kernels leave it out
import { placeRowsTask } from './copy';
import { logarithm, mapTask } from './elementwise';
import { finiteTask } from './finite';
import { forgetRows, integerTask } from './integers';
import { ARGUMENTS, CONTROL, COUNTERS, giveSign, OPEN, readArgumentsAt, signAt } from './job';
import { Kernel } from './kernel-list';
import { forgetRow, matrixTask } from './matrix';
import { crossEntropyGradientTask, crossEntropyTask } from './cross-entropy';
import { maskTilesTask } from './modified';
import { normGradientTask } from './norm-gradient';
import { normTask, rotaryTask, softmaxTask } from './rowwise';
import { panelPackTask, panelUnpackTask } from './panel';
import { prefillTask } from './prefill';
import { argmaxTask, topKTask } from './rank';
import { recurrenceTask } from './recurrence';
import { scoresTask } from './scores';
import { shortConvolutionTask } from './short-convolution';
import { spreadBlocksTask, spreadTask } from './spread';
import { loadRowsTask, storeRowsTask } from './stored';
import { columnSumsTask } from './strided';
import { reduceTask, scatterAddTask, stridedTask } from './strided';
import { exp, tanh } from './vector';

/** What the functions of modifiers call. */
export { exp, logarithm as log, tanh };

/** How many of them are in this thread's table. */
export let functions: i32 = 0;

/**
 * Takes tasks of the open job until none is left. Every thread runs this: first through the section of its own, so that
 * it reads on where it stopped, then what is left of the others'.
 */
export function work(thread: i32): void {
  const tasks = load<i32>(CONTROL, 8), kernel = load<i32>(CONTROL, 12), sections = load<i32>(CONTROL, 16) + 1;
  const scratch = load<usize>(CONTROL, 20) + <usize>thread * load<usize>(CONTROL, 24);
  const step = load<i32>(CONTROL, 28);
  readArgumentsAt(ARGUMENTS);
  forgetRow();
  forgetRows();
  signAt(counter(thread) + 4);
  for (let n = 0; n < sections; n++) {
    const section = (thread + n) % sections, end = sectionStart(section + 1, tasks, sections);
    for (;;) {
      const next = atomic.add<i32>(counter(section), 1);
      if (next >= end) break;
      giveSign();
      run(kernel, step === 1 ? next : <i32>((<i64>next * step) % tasks), scratch);
    }
  }
}

/** The next task of a section to hand out; in a cache line of its own, or nearly. */
// @ts-ignore: decorator
@inline function counter(section: i32): usize {
  return COUNTERS + (<usize>section << 5);
}

function sectionStart(section: i32, tasks: i32, sections: i32): i32 {
  return <i32>((<i64>section * tasks) / sections);
}

/** A helper's turn: comes in if the job is still open, takes tasks, goes out. */
export function help(thread: i32): void {
  for (;;) {
    const state = atomic.load<i32>(CONTROL);
    if (!(state & OPEN)) return;
    if (atomic.cmpxchg<i32>(CONTROL, state, state + 1) === state) break;
  }
  // only now can the job not change any more; a thread beyond its helpers has no scratch memory here, and one that has not
  // yet read of a modifier cannot call it
  if (thread <= load<i32>(CONTROL, 16) && load<i32>(CONTROL, 4) <= functions) {
    if (load<usize>(CONTROL, PROGRAM) === 0) work(thread);
    else {
      enter();
      // a thread that waits long gives its core away for a moment
      while (!walk(thread, LOOKS)) atomic.wait<i32>(CONTROL + GIVEN_UP, 0, 50000);
    }
  }
  atomic.sub<i32>(CONTROL, 1);
}

/** Looks of a helper for the last task of a phase before it gives its core away: some 30 µs. */
const LOOKS: i32 = 20000;
/** Where the control block names the program, and says that it was given up. */
const PROGRAM: usize = 32;
const GIVEN_UP: usize = 36;
/** Bytes of a phase and of a job in a program. */
const PHASE: usize = 64;
const JOB: usize = 32;

/** The phase this thread is in, and whether it has no more to do there. Every thread has an instance of its own. */
let phase: i32 = 0, waits = false;

/** Begins with the first phase of a program. */
export function enter(): void {
  phase = 0;
  waits = false;
}

/**
 * Goes through a program: jobs whose arguments are all in memory, in phases. Jobs of one phase do not touch each other's
 * results, so that nobody waits between them; a phase begins when every task of the one before is done. A thread that comes
 * late finds phases done and passes on, so that nobody waits for who has taken nothing.
 *
 * ```text
 * program  +0 phases, +4 their address, +8 address of the jobs, +12 of the counters, +16 bytes of the counters of one section
 * phase    +0 tasks done, +4 tasks, +8 first job, +12 jobs                                             64 bytes
 * job      +0 kernel, +4 tasks, +8 address of the arguments, +12 step (see job.ts),
 *          +16 the row that the job before has prepared is its own too                                 32 bytes
 * counters [section][job]: the next task to hand out
 * ```
 *
 * @param looks for the last tasks of others, after which it comes back, to go on at the next call
 * @returns whether it is through, or the program was given up
 */
export function walk(thread: i32, looks: i32): bool {
  const program = load<usize>(CONTROL, PROGRAM), phases = load<i32>(program), first = load<usize>(program, 4);
  signAt(counter(thread) + 4);
  for (; phase < phases; phase++) {
    const at = first + <usize>phase * PHASE, tasks = load<i32>(at, 4);
    if (!waits) {
      if (atomic.load<i32>(at) < tasks) {
        const done = takePart(program, at, thread);
        if (done > 0) atomic.add<i32>(at, done);
      }
      waits = true;
    }
    while (atomic.load<i32>(at) < tasks) {
      if (atomic.load<i32>(CONTROL + GIVEN_UP) !== 0) return true;
      if (looks-- <= 0) return false;
    }
    waits = false;
  }
  return true;
}

/** Takes tasks of the jobs of a phase until none is left. @returns how many it took */
function takePart(program: usize, at: usize, thread: i32): i32 {
  const sections = load<i32>(CONTROL, 16) + 1, scratch = load<usize>(CONTROL, 20) + <usize>thread * load<usize>(CONTROL, 24);
  const counters = load<usize>(program, 12), apart = load<usize>(program, 16), first = load<i32>(at, 8), end = first + load<i32>(at, 12);
  let done = 0;
  for (let n = first; n < end; n++) {
    const job = load<usize>(program, 8) + <usize>n * JOB, kernel = load<i32>(job), tasks = load<i32>(job, 4), step = load<i32>(job, 12);
    readArgumentsAt(load<usize>(job, 8));
    if (!load<i32>(job, 16)) {
      forgetRow();
      forgetRows();
    }
    for (let i = 0; i < sections; i++) {
      const section = (thread + i) % sections, last = sectionStart(section + 1, tasks, sections);
      const next = counters + <usize>section * apart + (<usize>n << 2);
      while (atomic.load<i32>(next) < last) {
        const task = atomic.add<i32>(next, 1);
        if (task >= last) break;
        giveSign();
        run(kernel, step === 1 ? task : <i32>((<i64>task * step) % tasks), scratch);
        done++;
      }
    }
  }
  return done;
}

/** Deals out the tasks of the job that the control block describes. */
export function deal(): void {
  const tasks = load<i32>(CONTROL, 8), sections = load<i32>(CONTROL, 16) + 1;
  for (let section = 0; section < sections; section++) store<i32>(counter(section), sectionStart(section, tasks, sections));
}

/** Lets helpers in. */
export function open(): void {
  atomic.store<i32>(CONTROL, OPEN);
}

/** Lets no more helpers in; returns how many are still inside. */
export function close(): i32 {
  return atomic.and<i32>(CONTROL, ~OPEN) & ~OPEN;
}

/** Waits for the helpers to go out, for so many looks; returns how many are left. */
export function settle(looks: i32): i32 {
  while (looks-- > 0) if (atomic.load<i32>(CONTROL) === 0) return 0;
  return atomic.load<i32>(CONTROL);
}

function run(kernel: i32, task: i32, scratch: usize): void {
  switch (kernel) {
    case Kernel.panelPack: return panelPackTask(task);
    case Kernel.panelUnpack: return panelUnpackTask(task);
    case Kernel.matrix: return matrixTask(task, scratch);
    case Kernel.integers: return integerTask(task, scratch);
    case Kernel.map: return mapTask(task);
    case Kernel.norm: return normTask(task);
    case Kernel.softmax: return softmaxTask(task);
    case Kernel.rotary: return rotaryTask(task);
    case Kernel.rows: return rowsTask(task);
    case Kernel.gather: return gatherTask(task);
    case Kernel.placeRows: return placeRowsTask(task);
    case Kernel.argmax: return argmaxTask(task);
    case Kernel.topK: return topKTask(task);
    case Kernel.attentionPack: return attentionPackTask(task, scratch);
    case Kernel.maskTiles: return maskTilesTask(task, scratch);
    case Kernel.prefill: return prefillTask(task, scratch);
    case Kernel.decode: return decodeTask(task, scratch);
    case Kernel.combine: return combineTask(task);
    case Kernel.scores: return scoresTask(task, scratch);
    case Kernel.storeRows: return storeRowsTask(task);
    case Kernel.loadRows: return loadRowsTask(task, scratch);
    case Kernel.spread: return spreadTask(task);
    case Kernel.spreadBlocks: return spreadBlocksTask(task);
    case Kernel.finite: return finiteTask(task);
    case Kernel.strided: return stridedTask(task);
    case Kernel.reduce: return reduceTask(task);
    case Kernel.recurrence: return recurrenceTask(task, scratch);
    case Kernel.shortConvolution: return shortConvolutionTask(task, scratch);
    case Kernel.scatterAdd: return scatterAddTask(task);
    case Kernel.normGradient: return normGradientTask(task);
    case Kernel.crossEntropy: return crossEntropyTask(task);
    case Kernel.crossEntropyGradient: return crossEntropyGradientTask(task);
    case Kernel.columnSums: return columnSumsTask(task, scratch);
    case Kernel.adam: return adamTask(task);
    case Kernel.attentionDelta: return attentionDeltaTask(task);
    case Kernel.attentionGradient: return attentionGradientTask(task, scratch);
  }
}
