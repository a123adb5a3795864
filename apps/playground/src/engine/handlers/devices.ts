import { deviceChoices } from '../devices.ts';

/** Names of the devices that can be chosen. */
export function choices(): string[] {
  return [...deviceChoices];
}
