import { attentionDeltaTask, attentionGradientTask } from './attention-gradient';
import { adamTask } from './adam';
import { attentionPackTask } from './attention-pack';
import { combineTask, decodeTask } from './decode';
import { gatherTask, rowsTask } from './copy';
import { logarithm, mapTask } from './elementwise';
import { finiteTask } from './finite';
import { forgetRows, integerTask } from './integers';
import { CONTROL, COUNTERS, giveSign, OPEN, signAt } from './job';
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
  if (thread <= load<i32>(CONTROL, 16) && load<i32>(CONTROL, 4) <= functions) work(thread);
  atomic.sub<i32>(CONTROL, 1);
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
