/** Variants from outside, put into the page when it is built. */
declare module 'virtual:outside-variants' {
  export const files: readonly {
    readonly file: string;
    readonly exported: Readonly<Record<string, unknown>>;
  }[];
}
