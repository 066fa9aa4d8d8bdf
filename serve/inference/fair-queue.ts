/**
 * A queue in which clients take turns, so that a client with a thousand images does not delay another
 * client's single image. The items of one client stay in order.
 */
export class FairQueue<T> {
  /** No line is empty. The order of the lines is the order of turns. */
  readonly #lines = new Map<string, T[]>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  push(client: string, item: T): void {
    const line = this.#lines.get(client);
    if (line === undefined) this.#lines.set(client, [item]);
    else line.push(item);
    this.#size++;
  }

  /** Takes the first accepted item in turn; its client moves to the end of the turns. */
  take(accepts: (item: T) => boolean = () => true): T | undefined {
    for (const [client, line] of this.#lines) {
      const [item] = line;
      if (item === undefined || !accepts(item)) continue;
      this.#lines.delete(client);
      line.shift();
      this.#size--;
      if (line.length > 0) this.#lines.set(client, line);
      return item;
    }
    return undefined;
  }

  /** Removes an item; false if it is not in the queue. */
  remove(client: string, item: T): boolean {
    const line = this.#lines.get(client) ?? [];
    const at = line.indexOf(item);
    if (at < 0) return false;
    line.splice(at, 1);
    this.#size--;
    if (line.length === 0) this.#lines.delete(client);
    return true;
  }

  /** Number of waiting items of a client. */
  waiting(client: string): number {
    return this.#lines.get(client)?.length ?? 0;
  }

  /** Takes the newest item of the client with the most, if that client has more than `least`. */
  takeNewestOfLongest(least: number): T | undefined {
    let longest: string | undefined;
    for (const [client, line] of this.#lines) {
      if (line.length > (longest === undefined ? least : this.waiting(longest))) longest = client;
    }
    if (longest === undefined) return undefined;
    const item = this.#lines.get(longest)?.at(-1);
    if (item !== undefined) this.remove(longest, item);
    return item;
  }
}
