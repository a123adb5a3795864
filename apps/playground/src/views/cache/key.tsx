import type { Order } from './cells.ts';
import type { Frame } from './picture.ts';

/** Only what the picture has. */
export function Key({ frame, order }: { readonly frame: Frame; readonly order: Order }) {
  const slots = frame.states.flatMap((each) => each.slots);
  if (slots.length === 0) return null;
  const entries: readonly (readonly [boolean, string, string])[] = [
    [true, '', 'held; the colour says how large its numbers are'],
    [slots.some(({ fresh }) => fresh), 'key-fresh', 'written by this step'],
    [slots.some(({ read }) => read === true), 'key-read', 'read by this step'],
    [slots.some(({ packed }) => packed), 'key-packed', 'packed to fewer bits'],
    [true, 'key-empty', 'empty'],
    [
      order === 'tokens' && frame.states.some(({ evicted }) => evicted.length > 0),
      'key-gone',
      'forgotten (evicted)',
    ],
  ];
  return (
    <ul class="key">
      {entries
        .filter(([has]) => has)
        .map(([, name, words]) => (
          <li key={words}>
            <i class={name} aria-hidden="true" />
            {words}
          </li>
        ))}
    </ul>
  );
}
