const longest = 300;

/** A text of a schema or grammar as a message shows it: shortened, and without characters that steer a terminal. */
export function clip(text: string): string {
  const short = text.length > longest ? `${text.slice(0, longest / 2)}…${text.slice(-longest / 2)}` : text;
  return short.replace(
    /[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/gu,
    (char) => `\\u{${char.codePointAt(0)!.toString(16)}}`,
  );
}
