/**
 * Typed calls from the page to its workers: both ends of one request/reply protocol over `postMessage`. A
 * worker's API is an interface of functions from one cloneable value to another. comlink has no queue in
 * which a newer call replaces a waiting one, and clones errors without their fault.
 */
import { fault, InferenceError, type PageFault, pageFaultOf } from './faults.ts';
import { runQueue, superseded } from './run-queue.ts';

export type Input<Api, K extends keyof Api> = Api[K] extends (input: infer I) => unknown ? I : never;
export type Output<Api, K extends keyof Api> = Api[K] extends (input: never) => infer O ? O : never;

interface Request {
  readonly id: number;
  readonly call: string;
  readonly input: unknown;
}

type Reply =
  | { readonly id: number; readonly status: 'done'; readonly output: unknown }
  | { readonly id: number; readonly status: 'superseded' }
  | { readonly id: number; readonly status: 'failed'; readonly fault: PageFault };

/** Messages that answer no request: the progress of a call, or that the worker cannot compute any more. */
type Notice =
  | { readonly status: 'progress'; readonly progress: unknown }
  | { readonly status: 'lost'; readonly fault: PageFault };

interface Pending {
  resolve(output: unknown): void;
  reject(error: Error): void;
}

interface WorkerEvents<Progress> {
  /**
   * The worker cannot compute any more: its script did not load, it threw, or it said so. It is closed then.
   */
  readonly onLost?: (fault: PageFault) => void;
  readonly onProgress?: (progress: Progress) => void;
}

/** A running worker. Close it: that ends its thread and frees all of its memory. */
export class WorkerClient<Api, Progress = never> {
  readonly #worker: Worker;
  readonly #pending = new Map<number, Pending>();
  readonly #onLost: (fault: PageFault) => void;
  #lastId = 0;
  #isOpen = true;
  #loss: InferenceError | undefined;

  /** Starts `workers/NAME.js`, which the build puts next to the page. */
  constructor(
    name: 'inference-worker' | 'teaching-worker' | 'texture-worker',
    { onLost = () => {}, onProgress = () => {} }: WorkerEvents<Progress> = {},
  ) {
    this.#onLost = onLost;
    const file = `workers/${name}.js`;
    this.#worker = new Worker(new URL(file, self.location.href), { type: 'module' });
    this.#worker.addEventListener('error', ({ message }) => {
      // The event of a script that does not load has no message.
      this.#lose(message ? fault('failed', {}, message) : fault('file-missing', { file }));
    });
    this.#worker.addEventListener('message', ({ data }: MessageEvent<Reply | Notice>) => {
      if (data.status === 'lost') this.#lose(data.fault);
      else if (data.status === 'progress') onProgress(data.progress as Progress);
      else this.#settle(data);
    });
  }

  /**
   * Errors: those of the worker's handler; its loss. `superseded` if a newer call of this kind replaced it,
   * or the client was closed.
   */
  callLatest<K extends keyof Api & string>(
    call: K,
    input: Input<Api, K>,
  ): Promise<Output<Api, K> | typeof superseded> {
    if (this.#loss !== undefined) return Promise.reject(this.#loss);
    if (!this.#isOpen) return Promise.resolve(superseded);
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve: resolve as Pending['resolve'], reject });
      this.#worker.postMessage({ id, call, input } satisfies Request);
    });
  }

  /** As `callLatest`, for calls that no newer one replaces. Errors: also that the client was closed. */
  async call<K extends keyof Api & string>(call: K, input: Input<Api, K>): Promise<Output<Api, K>> {
    const output = await this.callLatest(call, input);
    if (output === superseded)
      throw new InferenceError(fault('failed', {}, `${call}: the worker was closed`));
    return output;
  }

  /** Calls in flight give `superseded`. */
  close(): void {
    this.#isOpen = false;
    this.#worker.terminate();
    for (const { resolve } of this.#pending.values()) resolve(superseded);
    this.#pending.clear();
  }

  /** Calls in flight reject with the fault. */
  #lose(cause: PageFault): void {
    if (!this.#isOpen) return;
    this.#loss = new InferenceError(cause);
    for (const { reject } of this.#pending.values()) reject(this.#loss);
    this.#pending.clear();
    this.close();
    this.#onLost(cause);
  }

  #settle(reply: Reply): void {
    const pending = this.#pending.get(reply.id);
    this.#pending.delete(reply.id);
    if (reply.status === 'done') pending?.resolve(reply.output);
    else if (reply.status === 'superseded') pending?.resolve(superseded);
    else pending?.reject(new InferenceError(reply.fault));
  }
}

const post = (message: Reply | Notice) => self.postMessage(message);

/**
 * In a worker: runs one call at a time. Of waiting calls of a kind in `latestOnly`, only the newest is run.
 */
export function serveCalls<Api>(
  handlers: {
    readonly [K in keyof Api & string]: (input: Input<Api, K>) => Output<Api, K> | Promise<Output<Api, K>>;
  },
  latestOnly: readonly (keyof Api)[] = [],
): void {
  const queue = runQueue();
  self.addEventListener('message', ({ data }: MessageEvent<Request>) => {
    const { id, input } = data;
    const call = data.call as keyof Api & string;
    // The client's types pair each call with its input; a message has lost them.
    const handler = handlers[call] as (input: unknown) => unknown;
    queue
      .add(latestOnly.includes(call) ? call : undefined, async () => handler(input))
      .then((output) =>
        post(output === superseded ? { id, status: 'superseded' } : { id, status: 'done', output }),
      )
      .catch((error: unknown) => post({ id, status: 'failed', fault: pageFaultOf(error) }));
  });
}

/** In a worker: reports the progress of the call in flight. */
export function postProgress<Progress>(progress: Progress): void {
  post({ status: 'progress', progress });
}

/** In a worker: reports that it cannot compute any more. */
export function postLoss(cause: PageFault): void {
  post({ status: 'lost', fault: cause });
}
