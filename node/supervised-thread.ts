/**
 * A worker thread that answers requests and is replaced if it is lost (an uncaught exception, a full heap, an
 * exit). Its requests fail, and later ones go to the replacement. It is not replaced again after several
 * threads in a row were lost before they were ready.
 */
import { EventEmitter } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { parentPort, type Worker } from 'node:worker_threads';
import { type Fault, faultOf, TexturaError } from '../model/error.ts';
import { deferred } from './promises.ts';
import { startThread } from './thread.ts';

/** Threads in a row that may be lost before they are ready. */
const maxFailedStarts = 5;
/** How long `close` waits for outstanding answers by default. */
const closeLimitMs = 10_000;

interface ThreadRequest<Request> {
  readonly id: number;
  readonly request: Request;
}

type ThreadMessage<Answer> =
  | 'ready'
  | { readonly id: number; readonly answer: Answer }
  | { readonly id: number; readonly fault: Fault };

interface Outstanding<Answer> {
  resolve(answer: Answer): void;
  reject(error: unknown): void;
}

/** The thread ended before it answered; the request need not be the cause. */
export class ThreadLost extends TexturaError {
  constructor(message: string, options?: ErrorOptions) {
    super('internal', message, options);
  }
}

export class SupervisedThread<Request, Answer> {
  /** Settles when the thread is not replaced any more. From then on every request fails. */
  readonly failure: Promise<TexturaError>;
  /** `lost`: a replacement starts. `ready`: the thread, or its replacement, takes requests. */
  readonly events = new EventEmitter<{ lost: [ThreadLost]; ready: [] }>();
  readonly #name: string;
  readonly #module: URL;
  readonly #data: unknown;
  readonly #outstanding = new Map<number, Outstanding<Answer>>();
  #thread: Worker;
  #generation = 0;
  #nextId = 0;
  /** Whether the thread is still loading its module. */
  #isLoading = false;
  #isReady = false;
  #failedStarts = 0;
  /** Set when there is no thread any more. */
  #end: ThreadLost | undefined;
  #restore: () => Promise<void> = async () => {};
  readonly #fail: (fault: TexturaError) => void;

  /**
   * `name` is for messages, e.g. `an inference thread`. The module calls `answerRequests`. It gets `data` from
   * `threadData`, also in a replacement.
   */
  constructor(name: string, module: URL, data: unknown = {}) {
    this.#name = name;
    this.#module = module;
    this.#data = data;
    ({ promise: this.failure, resolve: this.#fail } = deferred<TexturaError>());
    this.#thread = this.#start();
  }

  get isReady(): boolean {
    return this.#isReady;
  }

  /** Number of replacements so far. */
  get generation(): number {
    return this.#generation;
  }

  /** Number of unanswered requests. */
  get outstanding(): number {
    return this.#outstanding.size;
  }

  /** `restore` prepares a replacement with requests to it, before it is ready. It must not reject. */
  restoreBy(restore: () => Promise<void>): void {
    this.#restore = restore;
  }

  /**
   * Sends a request and transfers the memory in `transferred`. Also works before the thread is ready.
   * Errors: those of the thread; `ThreadLost`.
   */
  ask(request: Request, transferred: readonly ArrayBuffer[] = []): Promise<Answer> {
    return new Promise((resolve, reject) => {
      if (this.#end !== undefined) return reject(this.#end);
      const id = this.#nextId++;
      // Before the request is registered, because it throws if memory cannot be transferred.
      this.#thread.postMessage({ id, request } satisfies ThreadRequest<Request>, transferred);
      this.#outstanding.set(id, { resolve, reject });
    });
  }

  /**
   * Refuses new requests, waits until the thread has started and for outstanding answers, then ends the thread.
   * Unanswered requests reject.
   */
  async close(limitMs = closeLimitMs): Promise<void> {
    this.#end ??= new ThreadLost(`${this.#name} is closed`);
    // onnxruntime aborts the process if its thread is terminated during a run, or while it is loaded.
    const isBusy = () => this.#isLoading || this.#outstanding.size > 0;
    for (const start = performance.now(); isBusy(); await sleep(5)) {
      if (performance.now() - start > limitMs) break;
    }
    await this.#thread.terminate();
  }

  #start(): Worker {
    const thread = startThread(this.#module, this.#data);
    this.#isLoading = true;
    let cause: Error | undefined;
    thread.on('message', (message: ThreadMessage<Answer>) => {
      if (message === 'ready') void this.#prepare(thread);
      else this.#settle(message);
    });
    thread.on('error', (error: Error) => {
      cause = error;
    });
    // Emitted after every end, with or without an error.
    thread.on('exit', () => this.#lose(cause));
    return thread;
  }

  async #prepare(thread: Worker): Promise<void> {
    this.#isLoading = false;
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
    this.#isLoading = false;
    if (this.#failedStarts >= maxFailedStarts && this.#end === undefined) {
      this.#end = lost;
      this.#fail(lost);
    }
    const isReplaced = this.#end === undefined;
    if (isReplaced) {
      this.#generation++;
      this.#thread = this.#start();
    }
    // After the replacement has started, so that a retry goes to it.
    for (const { reject } of this.#outstanding.values()) reject(lost);
    this.#outstanding.clear();
    if (isReplaced) this.events.emit('lost', lost);
  }
}

/** A thread's answer, and the memory in it to transfer. */
export interface ThreadAnswer<Answer> {
  readonly answer: Answer;
  readonly transferred?: readonly ArrayBuffer[];
}

/**
 * In the thread: answers each request with the result or the error of `work`, and reports that the thread is
 * ready.
 */
export function answerRequests<Request, Answer>(
  work: (request: Request) => Promise<ThreadAnswer<Answer>>,
): void {
  parentPort?.on('message', async ({ id, request }: ThreadRequest<Request>) => {
    try {
      const { answer, transferred } = await work(request);
      parentPort?.postMessage({ id, answer } satisfies ThreadMessage<Answer>, transferred);
    } catch (error) {
      parentPort?.postMessage({ id, fault: faultOf(error) } satisfies ThreadMessage<Answer>);
    }
  });
  parentPort?.postMessage('ready');
}
