/**
 * The control block: one job at a time, made of numbered tasks that any thread may take. It lies at a fixed place
 * at the bottom of the memory.
 *
 * ```text
 * +0   state     open flag (bit 30) | helpers inside
 * +4   functions of modifiers that there are: a thread whose table has fewer stays out
 * +8   tasks     how many there are
 * +12  kernel    a number of Kernel
 * +16  helpers   the last helper that may take tasks
 * +20  scratch   working memory of thread 0; thread n has its own at + n · stride
 * +24  stride
 * +28  step      task n of the queue is task n · step mod tasks of the kernel (1, but for tests)
 * +32  program   instead of one job, those of a recorded step: see program.ts; 0 for none
 * +36  given up  a program that failed: nobody waits for the rest of it
 * +64  arguments of the kernel, 32 bits each
 * ```
 */
export const CONTROL: usize = 1024;
export const ARGUMENTS: usize = CONTROL + 64;
/** What has been handed out, section by section: as many as there may be threads, 32 bytes each. Then, at +4, the signs of life of that thread. */
export const COUNTERS: usize = CONTROL + 1024;
export const OPEN: i32 = 1 << 30;

/** Where this thread counts its signs of life. Every thread has an instance of its own. */
let sign: usize = 0;

// @ts-ignore: decorator
@inline export function signAt(address: usize): void {
  sign = address;
}

/** Says that this thread still works: at each task, and at each tile where tasks are long. */
// @ts-ignore: decorator
@inline export function giveSign(): void {
  store<i32>(sign, load<i32>(sign) + 1);
}

/** Where the arguments of the running kernel lie. Every thread has an instance of its own, and may be in another job of a program. */
let given: usize = ARGUMENTS;

// @ts-ignore: decorator
@inline export function readArgumentsAt(address: usize): void {
  given = address;
}

/** Argument n of the running kernel, as an integer. */
// @ts-ignore: decorator
@inline export function int(n: i32): i32 {
  return load<i32>(given + (<usize>n << 2));
}

/** Puts a number that stands in memory where an argument is read. */
// @ts-ignore: decorator
@inline export function setInt(n: i32, value: i32): void {
  store<i32>(given + (<usize>n << 2), value);
}

/** Argument n as an address. */
// @ts-ignore: decorator
@inline export function ptr(n: i32): usize {
  return load<usize>(given + (<usize>n << 2));
}

/** Argument n as a number. */
// @ts-ignore: decorator
@inline export function num(n: i32): f32 {
  return load<f32>(given + (<usize>n << 2));
}

/** Address of element n of an f32 array. */
// @ts-ignore: decorator
@inline export function at(base: usize, n: i32): usize {
  return base + (<usize>n << 2);
}
