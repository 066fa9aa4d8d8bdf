/**
 * Requests between the primary process and a process that serves, over the channel that Node opens between
 * them. Every request gets an answer; if the other process ends first, it rejects.
 */

import type { Socket } from 'node:net';
import { type Fault, faultOf, TexturaError } from '../../model/error.ts';
import type { SandboxAnswer, SandboxRequest } from '../registry/sandbox-check.ts';
import type { ServeSettings } from '../settings.ts';
import type { MetricValues } from './combined-metrics.ts';

/** What a process that serves asks the primary process: `[request, answer]`. */
export interface PrimaryRequests {
  /** First of all: what to do. */
  begin: [null, BeginOrder];
  /** It takes connections. */
  open: [null, null];
  /** It wants no more connections. */
  closing: [null, null];
  /** It has loaded its models and takes connections. */
  serving: [ServedModels, null];
  /** Its set of models has changed. */
  changed: [null, null];
  /** A sentence about models, which is logged once for all processes. */
  note: [LoggedSentence, null];
  /** Checks a model's files in the sandbox. */
  check: [SandboxRequest, SandboxAnswer];
  /** Whether the whole service is ready. */
  isServiceReady: [null, boolean];
  /** The metrics of the whole service, as text. */
  serviceMetrics: [null, string];
  /** It has stopped, on request or after a fault, and is about to end. */
  stopped: [StopReport, null];
}

/** What the primary process asks a process that serves: `[request, answer]`. */
export interface ProcessRequests {
  /** Takes the connection that comes with the request; false if it has too many. */
  connection: [null, boolean];
  /** Looks at the folder of models now. */
  scan: [null, null];
  isReady: [null, boolean];
  metrics: [null, MetricValues];
  /** Answers the accepted requests, then ends. */
  stop: [NodeJS.Signals, null];
}

interface LoggedSentence {
  readonly sentence: string;
  readonly level: 'info' | 'warn';
}

interface BeginOrder {
  /** From 1. */
  readonly process: number;
  readonly settings: ServeSettings;
  /** Whether to take connections before the models are loaded. */
  readonly opensAtOnce: boolean;
}

interface ServedModels {
  readonly models: readonly string[];
}

export interface StopReport {
  /** Whether an accepted request was not answered. */
  readonly wasCut: boolean;
  readonly metrics: MetricValues;
  readonly fault?: Fault;
}

type Requests<R> = { readonly [K in keyof R]: [unknown, unknown] };
type RequestOf<R extends Requests<R>, K extends keyof R> = R[K][0];
type AnswerOf<R extends Requests<R>, K extends keyof R> = R[K][1];

/** How each request of the other process is answered. `socket` is the connection that came with it. */
export type Handlers<R extends Requests<R>> = {
  readonly [K in keyof R]: (
    request: RequestOf<R, K>,
    socket: Socket | undefined,
  ) => AnswerOf<R, K> | Promise<AnswerOf<R, K>>;
};

type LinkMessage =
  | { readonly ask: string; readonly id: number; readonly request: unknown }
  | { readonly answers: number; readonly answer: unknown }
  | { readonly answers: number; readonly fault: Fault };

/** The other process: a child process, or `process` for the parent. */
interface Endpoint {
  send?(
    message: LinkMessage,
    socket: Socket | undefined,
    options: { readonly keepOpen: boolean },
    sent: (error: Error | null) => void,
  ): boolean;
  on(event: 'message', listener: (message: LinkMessage, socket: Socket | undefined) => void): unknown;
  on(event: 'disconnect', listener: () => void): unknown;
}

interface Outstanding {
  resolve(answer: unknown): void;
  reject(error: unknown): void;
}

interface AskOptions {
  readonly limitMs?: number;
  /** A connection to hand over. It stays open in this process until that destroys it. */
  readonly socket?: Socket;
}

/** `Asked` are the requests of this process, `Answered` those of the other. */
export class Link<Asked extends Requests<Asked>, Answered extends Requests<Answered>> {
  readonly #endpoint: Endpoint;
  readonly #handlers: Handlers<Answered>;
  readonly #outstanding = new Map<number, Outstanding>();
  #nextId = 0;
  #isCut = false;

  constructor(endpoint: Endpoint, handlers: Handlers<Answered>) {
    this.#endpoint = endpoint;
    this.#handlers = handlers;
    endpoint.on('message', (message, socket) => void this.#receive(message, socket));
    endpoint.on('disconnect', () => this.cut());
  }

  /**
   * Errors: those of the other process; `interrupted` if it has ended; `deadline-exceeded` after `limitMs`.
   */
  ask<K extends keyof Asked & string>(
    name: K,
    request: RequestOf<Asked, K>,
    { limitMs, socket }: AskOptions = {},
  ): Promise<AnswerOf<Asked, K>> {
    return new Promise((resolve, reject) => {
      if (this.#isCut) return reject(ended());
      const id = this.#nextId++;
      const late = () =>
        this.#settle(id)?.reject(new TexturaError('deadline-exceeded', `${name}: no answer`));
      const timer = limitMs === undefined ? undefined : setTimeout(late, limitMs);
      this.#outstanding.set(id, {
        resolve: (answer) => {
          clearTimeout(timer);
          resolve(answer as AnswerOf<Asked, K>);
        },
        reject: (error) => {
          clearTimeout(timer);
          reject(error);
        },
      });
      this.#send({ ask: name, id, request }, socket);
    });
  }

  /** Rejects every request, outstanding and later. */
  cut(): void {
    this.#isCut = true;
    for (const id of [...this.#outstanding.keys()]) this.#settle(id)?.reject(ended());
  }

  #settle(id: number): Outstanding | undefined {
    const found = this.#outstanding.get(id);
    this.#outstanding.delete(id);
    return found;
  }

  #send(message: LinkMessage, socket?: Socket): void {
    this.#endpoint.send?.(message, socket, { keepOpen: true }, (error) => {
      if (error !== null && 'ask' in message) this.#settle(message.id)?.reject(ended());
    });
  }

  async #receive(message: LinkMessage, socket: Socket | undefined): Promise<void> {
    if ('ask' in message) {
      const { id } = message;
      try {
        const handler = this.#handlers[message.ask as keyof Answered];
        const request = message.request as RequestOf<Answered, keyof Answered>;
        this.#send({ answers: id, answer: await handler(request, socket) });
      } catch (error) {
        this.#send({ answers: id, fault: faultOf(error) });
      }
    } else if ('fault' in message) {
      const { code, message: text } = message.fault;
      this.#settle(message.answers)?.reject(new TexturaError(code, text));
    } else {
      this.#settle(message.answers)?.resolve(message.answer);
    }
  }
}

function ended(): TexturaError {
  return new TexturaError('interrupted', 'the other process has ended');
}
