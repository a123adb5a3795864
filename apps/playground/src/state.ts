/** What a link to the page says: the choices of the form. */
export interface State {
  readonly profile: string;
  /** Empty for all that work. */
  readonly devices: readonly string[];
  /** Empty for all. */
  readonly variants: readonly string[];
}

/** `#profile=quick&devices=gpujs:webgpu,gpujs:webasm` */
export function readState(hash: string): State {
  const given = new URLSearchParams(hash.replace(/^#/, ''));
  const list = (name: string): string[] => (given.get(name) ?? '').split(',').filter((item) => item !== '');
  return { profile: given.get('profile') ?? 'quick', devices: list('devices'), variants: list('variants') };
}

export function writeState({ profile, devices, variants }: State): string {
  const lists = Object.entries({ devices, variants }).filter(([, items]) => items.length > 0);
  const parts = [
    ['profile', profile],
    ...lists.map(([name, items]) => [name, (items as string[]).join(',')]),
  ];
  return `#${parts.map(([name, value]) => `${name}=${encodeURIComponent(value!).replace(/%2C|%3A/g, decodeURIComponent)}`).join('&')}`;
}
