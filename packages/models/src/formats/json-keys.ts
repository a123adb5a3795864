/**
 * Names that stand twice in one object of valid JSON text, at any depth. `JSON.parse` keeps the last silently,
 * which would make one of two tensors of a name disappear.
 */
export function duplicateKeys(json: string): string[] {
  const twice: string[] = [];
  const colon = /\s*:/y;
  const open: (Set<string> | undefined)[] = [];
  for (let at = 0; at < json.length; at++) {
    const char = json[at]!;
    if (char === '{') open.push(new Set());
    else if (char === '[') open.push(undefined);
    else if (char === '}' || char === ']') open.pop();
    else if (char === '"') {
      const start = at;
      for (at++; json[at] !== '"'; at++) if (json[at] === '\\') at++;
      const keys = open.at(-1);
      colon.lastIndex = at + 1;
      if (!keys || !colon.test(json)) continue;
      const key = JSON.parse(json.slice(start, at + 1)) as string;
      if (keys.has(key)) twice.push(key);
      keys.add(key);
    }
  }
  return twice;
}
