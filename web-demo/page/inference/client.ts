/** The page's end of the worker: a promise for each request. */

import { type Fault, fault, InferenceError } from '../../shared/faults.ts';
import type { Loss, Reply, Work, WorkKind } from '../../shared/inference-messages.ts';
import { superseded } from '../../shared/run-queue.ts';
import { startWorker } from '../start-worker.ts';

interface Pending {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

/** A worker with its sessions. Close it: that ends the thread and gives back all of its memory. */
export class InferenceClient {
  readonly #worker: Worker;
  readonly #pending = new Map<number, Pending>();
  #lastId = 0;
  #isOpen = true;

  /** `onLost` is called where the worker cannot compute any more; it is closed then. */
  constructor(onLost: (fault: Fault) => void) {
    this.#worker = startWorker('inference-worker', (cause) => this.#lose(cause, onLost));
    this.#worker.addEventListener('message', ({ data }: MessageEvent<Reply | Loss>) => {
      if (data.status === 'lost') this.#lose(data.fault, onLost);
      else this.#take(data);
    });
  }

  /** Errors: those of the worker's part. `superseded` where a newer request of its kind took its place, or the client is closed. */
  ask<K extends WorkKind>(kind: K, takes: Work[K]['takes']): Promise<Work[K]['gives'] | typeof superseded> {
    if (!this.#isOpen) return Promise.resolve(superseded);
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve: resolve as Pending['resolve'], reject });
      this.#worker.postMessage({ id, kind, takes });
    });
  }

  /** As `ask`, for kinds whose requests all count. */
  async askSurely<K extends 'start' | 'load'>(kind: K, takes: Work[K]['takes']): Promise<Work[K]['gives']> {
    const gives = await this.ask(kind, takes);
    if (gives === superseded) throw new InferenceError(fault('failed', {}, `${kind} was passed over`));
    return gives;
  }

  /** Requests under way give `superseded`. */
  close(): void {
    this.#isOpen = false;
    this.#worker.terminate();
    for (const { resolve } of this.#pending.values()) resolve(superseded);
    this.#pending.clear();
  }

  /** Requests under way are rejected with the fault. */
  #lose(cause: Fault, onLost: (fault: Fault) => void): void {
    if (!this.#isOpen) return;
    for (const { reject } of this.#pending.values()) reject(new InferenceError(cause));
    this.#pending.clear();
    this.close();
    onLost(cause);
  }

  #take(reply: Reply): void {
    const pending = this.#pending.get(reply.id);
    this.#pending.delete(reply.id);
    if (reply.status === 'done') pending?.resolve(reply.gives);
    else if (reply.status === 'superseded') pending?.resolve(superseded);
    else pending?.reject(new InferenceError(reply.fault));
  }
}
