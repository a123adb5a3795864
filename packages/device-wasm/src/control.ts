/** Where the control block lies; the layout is described in assembly/job.ts. */
export const CONTROL = 1024;
export const ARGUMENTS = CONTROL + 64;
/** Most arguments a kernel takes. */
export const MAX_ARGUMENTS = 48;
