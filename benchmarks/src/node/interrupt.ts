/** A signal that Ctrl-C sets off. */
export interface Interrupt {
  readonly signal: AbortSignal;
  /** Gives Ctrl-C its usual meaning back. */
  release(): void;
}

/** One Ctrl-C can arrive twice at once: from the terminal, and passed on by the program that started this one. */
const SAME_PRESS_MS = 500;

/**
 * Ctrl-C asks the run to stop after the call in hand; a second one ends the program at once.
 * @param onFirst says so to the person who pressed it.
 */
export function onInterrupt(onFirst: () => void): Interrupt {
  const controller = new AbortController();
  let pressed = 0;
  const handle = (): void => {
    const time = Date.now();
    if (pressed === 0) {
      pressed = time;
      onFirst();
      controller.abort();
    } else if (time - pressed > SAME_PRESS_MS) process.exit(130);
  };
  process.on('SIGINT', handle);
  process.on('SIGTERM', handle);
  return {
    signal: controller.signal,
    release() {
      process.off('SIGINT', handle);
      process.off('SIGTERM', handle);
    },
  };
}
