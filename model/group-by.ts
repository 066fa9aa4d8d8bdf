/** `Map.groupBy`, which Node 20 lacks. Groups are in the order of their first item. */
export function groupBy<Item, Key>(items: Iterable<Item>, keyOf: (item: Item) => Key): Map<Key, Item[]> {
  const groups = new Map<Key, Item[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return groups;
}

/** The indices of equal values together, in the order of the first of each. */
export function equalIndices(values: ArrayLike<unknown>): readonly (readonly number[])[] {
  return [...groupBy(Array.from(values).keys(), (index) => values[index]).values()];
}
