"""Little stories in simple English, put together by chance from the sentences below.

The sentences were written for this project and are released under CC0, as is every text this program prints.
A story has a hero, a friend, a place and one of ten plots; who, what and where run through it from the first
sentence to the last, so a model that learns these stories must look back many tokens to name the right one.

    python stories.py 3        prints three stories
"""

import random
import re
import sys

GIRLS = "Ada Cleo Dot Fay Hana June Lena Nora Pia Rosa Tess Uma Vera Zoe".split()
BOYS = "Ben Emil Gus Hugo Ivo Kai Milo Otto Sam Theo Wim Finn Leo Max".split()
KINDS = "fox mouse bear rabbit hen duck frog goat cat dog pony hedgehog squirrel badger".split()
COLOURS = "red blue green yellow white brown".split()
TOYS = "kite ball drum boat hat bell wagon lantern".split()
FOODS = ["a pear", "a bun", "some bread", "some soup", "a plum cake", "some berries", "a honey cake", "some cheese"]
PLACES = [
    ("by the river", "the river"),
    ("in the wood", "the wood"),
    ("on the hill", "the hill"),
    ("in the garden", "the garden"),
    ("by the sea", "the sea"),
    ("at the farm", "the farm"),
]
SPOTS = ["under a bush", "behind a big stone", "in the tall grass", "beside the old gate", "under a bench", "behind the well"]
ELDERS = ["mother", "father", "grandmother", "grandfather", "aunt", "uncle"]


class Someone:
    """A name, a kind, and the words that stand for both."""

    def __init__(self, r, taken=None):
        girl = r.random() < 0.5
        names = [n for n in (GIRLS if girl else BOYS) if taken is None or n != taken.name]
        children = [] if taken else ["girl" if girl else "boy"] * 4
        self.name = r.choice(names)
        self.kind = r.choice([k for k in KINDS + children if taken is None or k != taken.kind])
        self.they, self.them, self.their = ("she", "her", "her") if girl else ("he", "him", "his")

    def __str__(self):
        return self.name


def fill(r, text, **words):
    """Picks one of the ways in every (a|b|c), innermost first, puts the words in, and gives sentences capitals.

    The sentences above are all in small letters; a ~ marks a word that stays small after the end of a speech.
    """
    choices = re.compile(r"\(([^()]*\|[^()]*)\)")
    while match := choices.search(text):
        text = text[: match.start()] + r.choice(match.group(1).split("|")) + text[match.end() :]
    text = re.sub(r"\{(\w+)\.(\w+)\}", lambda m: str(getattr(words[m.group(1)], m.group(2))), text)
    text = re.sub(r"\{(\w+)\}", lambda m: str(words[m.group(1)]), text)
    text = re.sub(r"\b([Aa]) (?=[aeiou])", r"\1n ", text)
    text = re.sub(r"([.!?])[.,]", r"\1", text)
    text = re.sub(r"(^|[.!?]\"?\s|\n)(\"?[a-z])|((?<=[\s,])\"[a-z])", lambda m: m.group(0).upper(), text)
    return text.replace("~", "").replace(" i ", " I ")


OPENING = (
    "(once upon a time, there was|once upon a time there lived|there was once|long ago there was) "
    "a (little|small|young|clever|quiet|happy) {h.kind} named {h}. "
)
HOME = (
    "({h} lived {where} with {h.their} {elder}. |{h.they} lived {where}. "
    "|{h} lived in a (small|warm|little) house {where}. |)"
)
ENDINGS = [
    "(from that day on|after that|ever since), {h} and {f} (were best friends|played together every day|were good friends).",
    "{h} was (very happy|glad|so happy). (it had been a good day|it was the best day of all).",
    "that night {h} (slept very well|fell asleep with a smile|told {h.their} {elder} all about it).",
    "(then|at last) they (walked home together|went home) (hand in hand|side by side|singing).",
]

LOST = [
    "{h} had a {colour} {toy}. {h.they} (loved|liked) the {toy} (very much|more than anything). ",
    "one day, {h} (went to play|played) {where} with the {toy}. (then|but soon) {h.they} saw that the {toy} was gone. ",
    "(\"oh no!|\"oh dear!) (where is my {colour} {toy}?\"|i have lost my {toy}!\") ~(cried|said) {h}. {h} was (very |so |)sad. ",
    "{h.their} friend {f}, a (little|kind|big) {f.kind}, (came by|heard {h.them}|came along). \"(do not cry|do not be sad), {h},\" said {f}. \"(i will help you|we will look for it together).\" ",
    "they looked {spot}, but the {toy} was not there. (then they|they) looked {spot2}. (there it was|there was the {colour} {toy})! ",
    "\"thank you, {f}!\" ~said {h}. {h} was (happy|glad) again. ",
]
SHARE = [
    "one day, {h.their} {elder} gave {h.them} {food}. it (smelled so good|was still warm|looked very good). ",
    "on the way to {place}, {h} met a {f.kind} named {f}. {f} looked (sad|tired|thin). ",
    "\"what is wrong?\" ~asked {h}. \"i am (so |very |)hungry,\" said {f}. \"i have (had nothing to eat|nothing to eat).\" ",
    "{h} looked at the food. {h.they} was hungry too. {h.they} thought (for a moment|for a while|about it). ",
    "then {h} (smiled and said|said), \"(we can share|here, have half of it|take some of mine).\" ",
    "they sat down {where} and ate together. (it tasted better than ever|everything tastes better with a friend). ",
]
STUCK = [
    "{h} had a {colour} {toy}. one (windy|sunny) day {h.they} (played|was playing) with it {where}. ",
    "a (strong |big |)wind came and (blew|carried) the {toy} into a (tall|high) tree. \"oh no!\" ~(said|cried) {h}. \"my {toy} is stuck!\" ",
    "{h} jumped, but the tree was too (high|tall). {h.they} tried with a (long |)stick, but the stick was too short. ",
    "then {f} the {f.kind} came by. \"(can you help me?|please help me!)\" ~asked {h}. \"(of course|yes, i can),\" said {f}. ",
    "{h} (stood on|climbed on) {f.their} back and (reached|stretched) as high as {h.they} could. {h.they} got the {toy}! ",
    "\"thank you!\" ~said {h}. \"(together we are tall|you are a good friend),\" and they both laughed. ",
]
DARK = [
    "{h} did not like the dark. one night, {h.they} heard a noise {outside}. tap, tap, tap! ",
    "{h} was (very |so |)(scared|afraid). {h.they} hid under the (blanket|bed). \"(what is it?|who is there?)\" ~{h.they} (said in a small voice|called). ",
    "{h.their} friend {f} the {f.kind} came with a {colour} lantern. \"(let us go and look|come, we will look together),\" said {f}. ",
    "{h} took {f.their} hand. slowly, they opened the door. it was only (a branch|the rain|a little bird|an old owl) {outside}! ",
    "{h} laughed. \"(i was afraid of nothing|that is not scary at all),\" ~{h.they} said. ",
    "now {h} was not (afraid|scared) of the dark. ",
]
BUILD = [
    "{h} wanted to build a (little |){thing}. {h.they} (found|looked for) some boards {where}. ",
    "{h} worked all (morning|day). but when {h.they} was (done|ready), the {thing} fell (down|over). crash! ",
    "\"(i can not do it|it is too hard),\" said {h}. {h.they} wanted to give up. ",
    "{f}, a {f.kind} (from {place}|who lived near {place}), had seen it all. \"(try again|do not give up),\" said {f}. \"i have a (long |strong |)rope. (we can do it together|i will help you).\" ",
    "{h} held the boards and {f} tied the rope. this time the {thing} (did not fall|stood strong). ",
    "\"(we did it|look at our {thing})!\" ~(cried|said) {h}. they were (very |so |)proud. ",
]
SEED = [
    "one day, {h} found a small seed {where}. \"(what will it be?|i will plant it),\" ~{h.they} said. ",
    "{h.they} put it in the ground and gave it water. every (day|morning) {h} came to look. nothing (happened|grew). ",
    "\"(why does it not grow?|it does not grow),\" {h} asked {h.their} {elder}. \"(you must wait|wait a little longer|a seed needs time),\" said {h.their} {elder}. ",
    "so {h} waited. the rain came and the sun came. then one (day|morning) there was a little green leaf! ",
    "the leaf grew and grew. (soon|in the summer) there was a big {colour} flower. {h} showed it to {h.their} friend {f} the {f.kind}. ",
    "\"it is (beautiful|lovely)!\" ~said {f}. \"(i waited for it|it only needed time),\" said {h}. ",
]
RAIN = [
    "one day, {h} wanted to play {where}, but it was raining. the rain fell and fell. ",
    "{h} sat by the window and was (sad|bored). \"(when will it stop?|i can not go out),\" ~{h.they} said. ",
    "then there was a knock at the door. it was {f} the {f.kind}, (all wet|wet from the rain). \"(may i come in?|can we play inside?)\" ~asked {f}. ",
    "they made a (house|ship|cave) out of (chairs|blankets|boxes) and had {food}. they (laughed|sang) and forgot the rain. ",
    "(after a while|when they looked up|later), the sun came out. {there} was a (big |bright |)rainbow! ",
    "they ran outside and jumped in every puddle. splash! ",
]
LEARN = [
    "{h} wanted to learn to {skill}. all the others could {skill}, but {h} could not. ",
    "{h.they} tried, but it did not work. \"(i will never learn it|it is too hard for me),\" said {h}. {h.they} was sad. ",
    "{f}, a {f.kind} who could {skill} (very |)well, (smiled at {h.them}|saw {h.them}). \"(i could not {skill} at first|it was hard for me too),\" said {f}. \"(try a little every day|you must try again).\" ",
    "so {h} tried every day {where}. on the first day it was (bad|hard). on the second day it was (better|not so bad). ",
    "then one (day|morning), {h} could {skill}! \"(look at me|look, {f})! i can {skill}!\" ~{h.they} cried. ",
    "\"(i knew you could|well done),\" said {f}, \"~(because you did not give up|and i am proud of you).\" ",
]
QUARREL = [
    "{h} and {h.their} friend {f} the {f.kind} were playing {where}. they found a {colour} {toy}. ",
    "\"it is mine!\" ~said {h}. \"no, it is mine!\" ~said {f}. {h} pulled and {f} pulled. crack! the {toy} broke( in two|). ",
    "now (they were both sad|nobody could play with it). (for a while|for a long time) they did not say a word. ",
    "then {h} said, \"i am sorry, {f}.\" \"i am sorry too,\" said {f}. \"(can we mend it?|let us mend it).\" ",
    "{h} got some (glue|string) and {f} held the {toy}. (soon|after a while) it was as good as new. ",
    "\"(now it is ours|we can take turns),\" said {h}. so they (took turns|played with it together) all (day|afternoon). ",
]
HURT = [
    "one (day|morning), {h} found a (little|small|tiny) bird {spot}. the bird could not fly. its wing was hurt. ",
    "\"(poor bird|poor little bird),\" said {h}. \"i will take care of you.\" {h.they} (took|carried) the bird home. ",
    "{h.their} {elder} made a (soft|warm) bed in a {colour} box. {f} the {f.kind} brought seeds and water. ",
    "every day {h} and {f} (sang to|looked after) the bird. every day it was a little (stronger|better). ",
    "then one morning the bird opened its wings and flew (away|into the sky)! {h} was (sad|a little sad) to see it go. ",
    "but the next day there was a song at the window. the bird had come back to say thank you! ",
]
PLOTS = [LOST, SHARE, STUCK, DARK, BUILD, SEED, RAIN, LEARN, QUARREL, HURT]
MIDDLE = ["one day", "one morning", "one fine day", "one (sunny|cold|bright) day"]


def story(r):
    """One story of about a hundred words."""
    hero = Someone(r)
    friend = Someone(r, hero)
    where, place = r.choice(PLACES)
    spot, spot2 = r.sample(SPOTS, 2)
    words = dict(
        h=hero, f=friend, where=where, place=place, spot=spot, spot2=spot2,
        elder=r.choice(ELDERS), colour=r.choice(COLOURS), toy=r.choice(TOYS), food=r.choice(FOODS),
        thing=r.choice(["boat", "bridge", "hut", "tower", "raft"]),
        skill=r.choice(["swim", "whistle", "dance", "climb", "sing", "skate"]),
        outside=r.choice(["at the door", "at the window", "on the roof"]),
        there=r.choice(["over the hill", "in the sky", "over the house"]),
    )
    plot = "".join(r.choice(["\n", "", ""]) + part for part in r.choice(PLOTS)).lstrip("\n")
    text = OPENING + HOME + plot + "\n" + r.choice(ENDINGS)
    text = text.replace("one day,", f"{r.choice(MIDDLE)},", 1)
    return re.sub(r" *\n", "\n", fill(r, text, **words)).strip()


def stories(count, seed):
    r = random.Random(seed)
    return [story(r) for _ in range(count)]


if __name__ == "__main__":
    print("\n\n".join(stories(int(sys.argv[1]) if len(sys.argv) > 1 else 3, seed=1)))
