/**
 * A queue that takes turns among clients, so that one who sends a thousand images does not keep another's single image waiting
 * behind them. Within a client the order is kept.
 */
export class FairQueue<T> {
  /** Every line has an item. The order of the lines is the order of turns. */
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

  /** The first item whose turn it is and that is accepted; its client goes to the end of the turns. */
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

  /** Takes an item out, wherever it stands; false where it is not there. */
  remove(client: string, item: T): boolean {
    const line = this.#lines.get(client) ?? [];
    const at = line.indexOf(item);
    if (at < 0) return false;
    line.splice(at, 1);
    this.#size--;
    if (line.length === 0) this.#lines.delete(client);
    return true;
  }

  /** How many items of a client wait. */
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
