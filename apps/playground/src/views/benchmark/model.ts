/** What there is to choose from. */
export interface Known {
  readonly profiles: readonly string[];
  readonly devices: readonly string[];
  readonly variants: readonly string[];
}

/** What a run is asked for. */
export interface Choices {
  readonly profile: string;
  readonly devices: readonly string[];
  readonly variants: readonly string[];
}

/** What the link says: lists with commas, empty for what is usual. */
export interface Said {
  readonly profile: string;
  readonly devices: string;
  readonly variants: string;
}

/**
 * The choices that a link asks for, and in words what of it there is not.
 *
 * @param usual devices of a link that names none
 */
export function readChoices(
  said: Said,
  known: Known,
  usual: readonly string[],
): { readonly choices: Choices; readonly problems: readonly string[] } {
  const problems: string[] = [];
  const list = (text: string, names: readonly string[], what: string, fallback: readonly string[]) => {
    const asked = text.split(',').filter((name) => name !== '');
    const unknown = asked.filter((name) => !names.includes(name));
    if (unknown.length > 0)
      problems.push(
        `The link names ${what} that there are not: ${unknown.join(', ')}. There are ${names.join(', ')}.`,
      );
    const found = names.filter((name) => asked.includes(name));
    return found.length > 0 ? found : fallback;
  };
  const devices = list(said.devices, known.devices, 'devices', usual);
  const variants = list(said.variants, known.variants, 'variants', known.variants);
  const profile = known.profiles.includes(said.profile) ? said.profile : known.profiles[0]!;
  if (profile !== said.profile)
    problems.push(`There is no profile “${said.profile}”; there are ${known.profiles.join(', ')}.`);
  return { choices: { profile, devices, variants }, problems };
}

/** A choice in or out of a list, as the link says it: in the order of the names, empty for the usual. Never throws. */
export function toggled(
  chosen: readonly string[],
  name: string,
  names: readonly string[],
  usual: readonly string[],
): string {
  const next = names.filter((each) => (each === name ? !chosen.includes(each) : chosen.includes(each)));
  return next.length === usual.length && next.every((each) => usual.includes(each)) ? '' : next.join(',');
}

/** What the browser says of its GPUs, without any engine: a renderer's name or why there is none. */
export interface Hint {
  readonly device: string;
  readonly missing?: string | undefined;
  /** A GPU that is software. */
  readonly emulated: boolean;
  readonly note: string;
}

/** Adapters that are programs. */
const SOFTWARE = /swiftshader|llvmpipe|softpipe|lavapipe|software|basic render|warp/i;

/** @param name of the adapter; undefined where there is none. Never throws. */
export function hintOf(device: string, name: string | undefined, isFallback: boolean, why: string): Hint {
  if (name === undefined) return { device, missing: why, emulated: false, note: why };
  const emulated = isFallback || SOFTWARE.test(name);
  const words = name || 'an adapter that gives no name';
  return {
    device,
    emulated,
    note: emulated ? `${words}: emulated by the CPU, its times say nothing about a GPU` : words,
  };
}

/** Devices of a run that names none: those that seem to be there, and are neither emulated nor the plain CPU. Never throws. */
export function usualDevices(names: readonly string[], hints: readonly Hint[]): readonly string[] {
  const usual = names.filter((name) => {
    const hint = hints.find(({ device }) => device === name);
    return name !== 'gpujs:cpu' && !hint?.emulated && hint?.missing === undefined;
  });
  return usual.length > 0 ? usual : names;
}

/** What stands beside a device that the browser says nothing about. */
export const notes: Readonly<Record<string, string>> = {
  'gpujs:webasm': 'gpu.js in WebAssembly: any browser',
  'gpujs:cpu': 'gpu.js in JavaScript: any browser, the slowest',
  wasm: 'WebAssembly SIMD, written for this library: any browser',
};

/** Asks the browser for its GPUs. Nothing is loaded. Never throws. */
export async function askBrowser(): Promise<readonly Hint[]> {
  return [webgl(), await webgpu()];
}

function webgl(): Hint {
  const canvas = document.createElement('canvas');
  const context = canvas.getContext('webgl2');
  const info = context?.getExtension('WEBGL_debug_renderer_info');
  const name =
    context && String(context.getParameter(info ? info.UNMASKED_RENDERER_WEBGL : context.RENDERER));
  // a page may have few of them
  context?.getExtension('WEBGL_lose_context')?.loseContext();
  return hintOf('gpujs:webgl2', name ?? undefined, false, 'not here: this browser gives no WebGL 2');
}

interface Adapter {
  readonly info?: {
    readonly vendor: string;
    readonly architecture: string;
    readonly description: string;
    readonly isFallbackAdapter?: boolean;
  };
  readonly isFallbackAdapter?: boolean;
}

async function webgpu(): Promise<Hint> {
  const { gpu } = navigator as { readonly gpu?: { requestAdapter(): Promise<Adapter | null> } };
  const why = globalThis.isSecureContext
    ? 'not here: this browser has no WebGPU'
    : 'not here: WebGPU needs https or localhost';
  const adapter = await gpu?.requestAdapter().catch(() => null);
  const { info } = adapter ?? {};
  const name = adapter
    ? [info?.vendor, info?.architecture, info?.description].filter(Boolean).join(' ')
    : undefined;
  const isFallback = adapter?.isFallbackAdapter ?? info?.isFallbackAdapter ?? false;
  return hintOf(
    'gpujs:webgpu',
    name,
    isFallback,
    gpu ? 'not here: the browser gives no WebGPU adapter' : why,
  );
}
