/** Memory that pieces of work share: each waits until what it needs is free. */

export class ByteRoom {
  readonly #limitBytes: number;
  readonly #mostPieces: number;
  readonly #waiting: { readonly bytes: number; start(): void }[] = [];
  #takenBytes = 0;
  #pieces = 0;

  /** At most `mostPieces` are in work at a time. */
  constructor(limitBytes: number, mostPieces = Number.POSITIVE_INFINITY) {
    this.#limitBytes = limitBytes;
    this.#mostPieces = mostPieces;
  }

  get takenBytes(): number {
    return this.#takenBytes;
  }

  /**
   * Does the work once `bytes` are free. A piece larger than all of the room waits until it is alone. First
   * come, first served.
   */
  async while<T>(bytes: number, work: () => Promise<T>): Promise<T> {
    await new Promise<void>((start) => {
      this.#waiting.push({ bytes, start });
      this.#startWaiting();
    });
    try {
      return await work();
    } finally {
      this.#takenBytes -= bytes;
      this.#pieces--;
      this.#startWaiting();
    }
  }

  #startWaiting(): void {
    for (
      let [first] = this.#waiting;
      first !== undefined && this.#fits(first.bytes);
      [first] = this.#waiting
    ) {
      this.#waiting.shift();
      this.#takenBytes += first.bytes;
      this.#pieces++;
      first.start();
    }
  }

  #fits(bytes: number): boolean {
    if (this.#pieces === 0) return true;
    return this.#pieces < this.#mostPieces && this.#takenBytes + bytes <= this.#limitBytes;
  }
}
