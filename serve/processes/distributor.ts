/**
 * Gives connections to processes in turn. A process that is busy, so that it does not confirm connections, is
 * passed over. node:cluster does the same, but refuses connections while no process listens, and forgets those
 * that were on their way to a process that has ended, so that their clients wait in vain.
 */
import type { Socket } from 'node:net';

/** A process that takes connections. */
export interface Taker {
  /** Whether it took the connection; false if it has too many. Errors: it has ended. */
  take(socket: Socket): Promise<boolean>;
}

interface Connection {
  readonly socket: Socket;
  readonly refusedBy: Set<Taker>;
}

/** Unconfirmed connections of a process. */
const maxUnconfirmed = 16;

export class Distributor {
  /** With the number of unconfirmed connections, in the order of their turns. */
  readonly #takers = new Map<Taker, number>();
  readonly #waiting: Connection[] = [];
  readonly #maxWaiting: number;
  #isClosed = false;

  constructor(maxWaiting: number) {
    this.#maxWaiting = maxWaiting;
  }

  /** A connection waits until a process takes it, and is closed if all have too many or too many wait. */
  accept(socket: Socket): void {
    if (this.#isClosed || this.#waiting.length >= this.#maxWaiting) return void socket.destroy();
    socket.on('error', () => {});
    this.#waiting.push({ socket, refusedBy: new Set() });
    this.#dispatch();
  }

  add(taker: Taker): void {
    this.#takers.set(taker, 0);
    this.#dispatch();
  }

  /** The process gets no more connections. */
  remove(taker: Taker): void {
    this.#takers.delete(taker);
    this.#dispatch();
  }

  /** Closes the waiting connections and every later one. */
  close(): void {
    this.#isClosed = true;
    for (const { socket } of this.#waiting.splice(0)) socket.destroy();
  }

  #dispatch(): void {
    for (;;) {
      const [connection] = this.#waiting;
      if (connection === undefined) return;
      const willing = [...this.#takers].filter(([taker]) => !connection.refusedBy.has(taker));
      const [idlest] = willing
        .filter(([, unconfirmed]) => unconfirmed < maxUnconfirmed)
        .sort(([, a], [, b]) => a - b);
      // Without any process it waits for the replacement of one.
      if (idlest === undefined && (willing.length > 0 || this.#takers.size === 0)) return;
      this.#waiting.shift();
      if (idlest === undefined) connection.socket.destroy();
      else void this.#hand(connection, idlest[0]);
    }
  }

  async #hand(connection: Connection, taker: Taker): Promise<void> {
    const unconfirmed = this.#takers.get(taker) ?? 0;
    this.#takers.delete(taker);
    this.#takers.set(taker, unconfirmed + 1);
    try {
      // The connection stays open in the other process.
      if (await taker.take(connection.socket)) connection.socket.destroy();
      else this.#retry(connection, taker);
    } catch {
      // The process has ended without reading from it.
      this.#retry(connection, taker);
    } finally {
      const left = this.#takers.get(taker);
      if (left !== undefined) this.#takers.set(taker, left - 1);
      this.#dispatch();
    }
  }

  #retry(connection: Connection, refusedBy: Taker): void {
    if (this.#isClosed) return void connection.socket.destroy();
    connection.refusedBy.add(refusedBy);
    this.#waiting.unshift(connection);
  }
}
