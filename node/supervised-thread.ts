/**
 * A thread that answers requests and is replaced when it is lost (an uncaught exception, a full heap, an
 * exit): the requests that it had fail, later ones go to its replacement. It is given up only when one thread
 * after another is lost before it is ready.
 */
import { EventEmitter } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { parentPort, type Worker } from 'node:worker_threads';
import { TexturaError, type TexturaErrorCode } from '../model/error.ts';
import { startThread } from './thread.ts';

/** Threads in a row that are lost before they are ready; then there is no replacement any more. */
const maxFailedStarts = 5;
/** How long `close` waits for the answers that are outstanding, unless told otherwise. */
const closeLimitMs = 10_000;

interface ThreadRequest<Request> {
  readonly id: number;
  readonly request: Request;
}

type ThreadMessage<Answer> =
  | 'ready'
  | { readonly id: number; readonly answer: Answer }
  | { readonly id: number; readonly fault: { readonly code: TexturaErrorCode; readonly message: string } };

interface Outstanding<Answer> {
  resolve(answer: Answer): void;
  reject(error: unknown): void;
}

/** The thread ended before it answered. The request itself may be as good as any other. */
export class ThreadLost extends TexturaError {
  constructor(message: string, options?: ErrorOptions) {
    super('internal', message, options);
  }
}

export class SupervisedThread<Request, Answer> {
  /** Settles when the thread is given up. From then on every request fails. */
  readonly failure: Promise<TexturaError>;
  /** `lost`: a replacement starts. `ready`: the thread, or its replacement, takes requests. */
  readonly events = new EventEmitter<{ lost: [ThreadLost]; ready: [] }>();
  readonly #name: string;
  readonly #module: URL;
  readonly #outstanding = new Map<number, Outstanding<Answer>>();
  #thread: Worker;
  #generation = 0;
  #nextId = 0;
  #isReady = false;
  #failedStarts = 0;
  /** Why there is no thread any more. */
  #end: ThreadLost | undefined;
  #restore: () => Promise<void> = async () => {};
  #fail: (fault: TexturaError) => void = () => {};

  /** `name` is for messages, e.g. `an inference thread`. The module calls `answerRequests`. */
  constructor(name: string, module: URL) {
    this.#name = name;
    this.#module = module;
    this.failure = new Promise((resolve) => {
      this.#fail = resolve;
    });
    this.#thread = this.#start();
  }

  get isReady(): boolean {
    return this.#isReady;
  }

  /** Number of the current thread: 0, and one more for each replacement. */
  get generation(): number {
    return this.#generation;
  }

  /** Requests without an answer yet. */
  get outstanding(): number {
    return this.#outstanding.size;
  }

  /** What a replacement needs before it is ready, by requests to it. `restore` does not reject. */
  restoreBy(restore: () => Promise<void>): void {
    this.#restore = restore;
  }

  /**
   * Sends a request; memory in `transferred` moves to the thread. Works before the thread is ready, too.
   * Errors: those that the thread answers with; `ThreadLost`.
   */
  ask(request: Request, transferred: readonly ArrayBuffer[] = []): Promise<Answer> {
    return new Promise((resolve, reject) => {
      if (this.#end !== undefined) return reject(this.#end);
      const id = this.#nextId++;
      // First, because it throws for memory that cannot be transferred.
      this.#thread.postMessage({ id, request } satisfies ThreadRequest<Request>, transferred);
      this.#outstanding.set(id, { resolve, reject });
    });
  }

  /** Refuses new requests, waits for the outstanding answers and ends the thread; unanswered ones reject. */
  async close(limitMs = closeLimitMs): Promise<void> {
    this.#end ??= new ThreadLost(`${this.#name} is closed`);
    // onnxruntime ends the whole process when its thread is terminated during a run.
    for (const start = performance.now(); this.#outstanding.size > 0; await sleep(5)) {
      if (performance.now() - start > limitMs) break;
    }
    await this.#thread.terminate();
  }

  #start(): Worker {
    const thread = startThread(this.#module, {});
    let cause: Error | undefined;
    thread.on('message', (message: ThreadMessage<Answer>) => {
      if (message === 'ready') void this.#prepare(thread);
      else this.#settle(message);
    });
    thread.on('error', (error: Error) => {
      cause = error;
    });
    // Follows every end, also one without an error.
    thread.on('exit', () => this.#lose(cause));
    return thread;
  }

  async #prepare(thread: Worker): Promise<void> {
    if (this.#generation > 0) await this.#restore();
    if (thread !== this.#thread || this.#end !== undefined) return;
    this.#isReady = true;
    this.#failedStarts = 0;
    this.events.emit('ready');
  }

  #settle(message: Exclude<ThreadMessage<Answer>, 'ready'>): void {
    const request = this.#outstanding.get(message.id);
    this.#outstanding.delete(message.id);
    if ('answer' in message) request?.resolve(message.answer);
    else request?.reject(new TexturaError(message.fault.code, message.fault.message));
  }

  #lose(cause: Error | undefined): void {
    const lost = new ThreadLost(`${this.#name} was lost: ${cause?.message ?? 'it ended'}`, { cause });
    if (!this.#isReady) this.#failedStarts++;
    this.#isReady = false;
    if (this.#failedStarts >= maxFailedStarts && this.#end === undefined) {
      this.#end = lost;
      this.#fail(lost);
    }
    const isReplaced = this.#end === undefined;
    if (isReplaced) {
      this.#generation++;
      this.#thread = this.#start();
    }
    // After the replacement has started, so that whoever tries again asks that one.
    for (const { reject } of this.#outstanding.values()) reject(lost);
    this.#outstanding.clear();
    if (isReplaced) this.events.emit('lost', lost);
  }
}

/** What a thread answers, and the memory in it that moves to whoever asked. */
export interface ThreadAnswer<Answer> {
  readonly answer: Answer;
  readonly transferred?: readonly ArrayBuffer[];
}

/** In the thread: answers each request by what `work` gives or throws, and says that the thread is ready. */
export function answerRequests<Request, Answer>(
  work: (request: Request) => Promise<ThreadAnswer<Answer>>,
): void {
  parentPort?.on('message', async ({ id, request }: ThreadRequest<Request>) => {
    try {
      const { answer, transferred } = await work(request);
      parentPort?.postMessage({ id, answer } satisfies ThreadMessage<Answer>, transferred);
    } catch (error) {
      const code = error instanceof TexturaError ? error.code : 'internal';
      const message = error instanceof Error ? error.message : String(error);
      parentPort?.postMessage({ id, fault: { code, message } } satisfies ThreadMessage<Answer>);
    }
  });
  parentPort?.postMessage('ready');
}
