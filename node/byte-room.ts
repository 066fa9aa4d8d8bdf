/** A memory budget for concurrent work: each piece waits until the memory that it needs is free. */
export class ByteRoom {
  readonly #limitBytes: number;
  readonly #mostPieces: number;
  readonly #waiting: { readonly bytes: number; start(): void }[] = [];
  #takenBytes = 0;
  #pieces = 0;

  /** `mostPieces` limits the pieces in flight. */
  constructor(limitBytes: number, mostPieces = Number.POSITIVE_INFINITY) {
    this.#limitBytes = limitBytes;
    this.#mostPieces = mostPieces;
  }

  get takenBytes(): number {
    return this.#takenBytes;
  }

  /**
   * Runs `work` once `bytes` are free, in order of arrival. A piece larger than the whole budget runs when
   * nothing else does.
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
