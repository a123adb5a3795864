/** What a map says of a name from a file; names like `constructor`, which every object inherits, say nothing. */
export function own<Value>(map: Readonly<Record<string, Value>>, name: string): Value | undefined {
  return Object.hasOwn(map, name) ? map[name] : undefined;
}
