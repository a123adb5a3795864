import { seededBits } from '@headwise/tensor';

const NAMES =
  'Ada Ben Cleo Dot Emil Fay Gus Hana Ivo June Kai Lena Milo Nora Otto Pia Rosa Sam Tess Uma'.split(' ');
const KINDS = 'fox mouse bear rabbit hen duck frog goat cat dog pony badger'.split(' ');
const COLOURS = 'red blue green yellow white brown'.split(' ');
const THINGS = 'kite ball drum boat hat bell wagon lantern'.split(' ');
const PLACES = ['by the river', 'in the wood', 'on the hill', 'in the garden', 'by the sea', 'at the farm'];
const SPOTS = ['under a bush', 'behind a stone', 'in the tall grass', 'beside the gate', 'behind the well'];

/**
 * A text of little stories, put together by chance: who, what and where run from the first sentence to the last, so that
 * a model which learns them must look back some hundred letters to name the right one. Written for this project, CC0.
 *
 * @param bytes least length of the text
 */
export function littleStories(bytes: number, seed = 1): string {
  const bits = seededBits(seed);
  const stories: string[] = [];
  for (let length = 0; length < bytes; ) {
    const story = storyOf(<Choice>(list: readonly Choice[]) => list[bits() % list.length]!);
    stories.push(story);
    length += story.length;
  }
  return stories.join('');
}

type Pick = <Choice>(list: readonly Choice[]) => Choice;

function storyOf(pick: Pick): string {
  const hero = pick(NAMES);
  const friend = pick(NAMES.filter((name) => name !== hero));
  const [kind, other] = [pick(KINDS), pick(KINDS)];
  const thing = `${pick(COLOURS)} ${pick(THINGS)}`;
  const [place, spot] = [pick(PLACES), pick(SPOTS)];
  const beginning = pick([
    `${hero} was a little ${kind} who lived ${place}.`,
    `There was once a ${kind} called ${hero}. The ${kind} lived ${place}.`,
    `One day a ${kind} called ${hero} went for a walk ${place}.`,
  ]);
  const plot = pick([
    `${hero} had a ${thing}, and it was lost. "Have you seen my ${thing}?" asked ${hero}. "No," said ${friend} the ${other}, "but I will look with you." They looked and looked, and ${friend} found the ${thing} ${spot}.`,
    `${friend} the ${other} was sad. "Why are you sad, ${friend}?" asked ${hero}. "I have no ${thing}," said ${friend}. So ${hero} made a ${thing} and hid it ${spot}. How glad the ${other} was to find it!`,
    `${hero} saw a ${thing} ${spot}. "Whose ${thing} is this?" asked ${hero}. "It is mine," said ${friend} the ${other}. ${hero} gave it back, and the ${other} said thank you.`,
    `${hero} and ${friend} the ${other} both wanted the ${thing}. "It is mine," said ${hero}. "It is mine," said ${friend}. Then they put the ${thing} ${spot} and took turns.`,
  ]);
  const end = pick([
    `${hero} and ${friend} were friends from that day on.`,
    `In the evening the ${kind} and the ${other} went home ${place}.`,
    `"That was a good day," said ${hero}, and ${friend} thought so too.`,
  ]);
  return `${beginning} ${plot} ${end}\n\n`;
}
