/** The program of the sandbox as one text, made by `sandbox-plugin.ts`. */
declare module 'virtual:sandbox-program' {
  const program: string;
  export default program;
}
