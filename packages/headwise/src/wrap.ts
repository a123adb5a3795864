/** Breaks text into lines while it streams: a word is held back until it is whole. */
export function createWrapper(
  width: number,
  indent: string,
  out: (text: string) => void,
): { push(text: string): void; end(): void } {
  let column = 0;
  let word = '';
  const flush = (): void => {
    if (word === '') return;
    const starts = column === 0;
    const breaks = !starts && column + 1 + word.length > width - indent.length;
    out(starts || breaks ? `${breaks ? '\n' : ''}${indent}${word}` : ` ${word}`);
    column = starts || breaks ? word.length : column + 1 + word.length;
    word = '';
  };
  return {
    push(text) {
      for (const char of text) {
        if (char !== ' ' && char !== '\n') word += char;
        else flush();
        if (char === '\n') {
          out('\n');
          column = 0;
        }
      }
    },
    end() {
      flush();
      if (column > 0) out('\n');
    },
  };
}
