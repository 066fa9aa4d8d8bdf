/** The page's end of the worker: a promise for each request. */
import { TexturaError, type TexturaErrorCode } from '../../model/error.ts';
import { startWorker } from '../worker-address.ts';
import type { Reply, Work, WorkKind } from './messages.ts';

/** What a request gives where a newer one of its kind took its place. */
export const superseded = Symbol('superseded');

interface Pending {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

/** A worker with its sessions. Close it: that ends the thread and gives back all of its memory. */
export class InferenceClient {
  readonly #worker: Worker;
  readonly #pending = new Map<number, Pending>();
  #lastId = 0;

  constructor() {
    this.#worker = startWorker('inference-worker');
    this.#worker.addEventListener('message', ({ data }: MessageEvent<Reply>) => this.#take(data));
    this.#worker.addEventListener('error', ({ message }) => {
      const fault = new TexturaError('internal', `the worker has failed: ${message ?? 'it did not load'}`);
      for (const { reject } of this.#pending.values()) reject(fault);
      this.#pending.clear();
    });
  }

  /** Errors: those of the worker's part, with their code. */
  ask<K extends WorkKind>(kind: K, takes: Work[K]['takes']): Promise<Work[K]['gives'] | typeof superseded> {
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve: resolve as Pending['resolve'], reject });
      this.#worker.postMessage({ id, kind, takes });
    });
  }

  /** As `ask`, for kinds whose requests all count. */
  async askSurely<K extends 'start' | 'load'>(kind: K, takes: Work[K]['takes']): Promise<Work[K]['gives']> {
    const gives = await this.ask(kind, takes);
    if (gives === superseded) throw new TexturaError('internal', `a request to ${kind} was passed over`);
    return gives;
  }

  /** Requests under way give `superseded`. */
  close(): void {
    this.#worker.terminate();
    for (const { resolve } of this.#pending.values()) resolve(superseded);
    this.#pending.clear();
  }

  #take(reply: Reply): void {
    const pending = this.#pending.get(reply.id);
    this.#pending.delete(reply.id);
    if (reply.status === 'done') pending?.resolve(reply.gives);
    else if (reply.status === 'superseded') pending?.resolve(superseded);
    else pending?.reject(new TexturaError(reply.code as TexturaErrorCode, reply.message));
  }
}
