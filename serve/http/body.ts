/**
 * Reads request bodies with limits on size and time. The memory of a body belongs to its request and is
 * released when the request ends, even if the code that reads it fails or never returns.
 */
import type { Request, RequestHandler, Response } from 'express';
import { TexturaError } from '../../model/error.ts';
import { unlessAborted } from '../../node/promises.ts';
import { ownsMemory } from '../../node/thread.ts';
import { type BodyBudget, type BodyLimits, type HeldBytes, requestTimeoutMs } from '../upload-budget.ts';
import { exchangeOf } from './exchange.ts';

/** A request with a body. */
export interface Upload {
  readonly request: Request;
  readonly response: Response;
  readonly limits: BodyLimits;
  readonly held: HeldBytes;
  /** Aborted when the client disconnects or the request times out. */
  readonly signal: AbortSignal;
  readonly client: string;
}

/**
 * A route that reads a body. Whatever `handle` does, the request ends and its memory is released when it is
 * answered, when the client disconnects, or after `requestTimeoutMs` with status 504.
 */
export function uploadRoute(
  { limits, budget }: { readonly limits: BodyLimits; readonly budget: BodyBudget },
  handle: (upload: Upload) => Promise<void>,
): RequestHandler {
  return async (request, response) => {
    const { signal, stop } = exchangeOf(response);
    const held = budget.open();
    const timer = setTimeout(() => stop(tooLong(limits)), requestTimeoutMs(limits));
    try {
      const upload = { request, response, limits, held, signal, client: request.ip ?? '' };
      await unlessAborted(handle(upload), signal);
    } finally {
      clearTimeout(timer);
      held.release();
    }
  };
}

/**
 * The whole body, in memory that can be transferred to a thread.
 * Errors: `image-too-large` beyond `limitBytes`, `upload-timeout`, `overloaded`, and the signal's reason.
 */
export function readBody(
  { request, response, limits, held, signal }: Upload,
  limitBytes: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const announced = Number(request.headers['content-length'] ?? 0);
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = [];
    let bytes = 0;
    const settle = (fault?: unknown) => {
      clearTimeout(whole);
      clearTimeout(stall);
      request.off('data', take).off('end', finish).off('error', settle);
      signal.removeEventListener('abort', leave);
      if (fault === undefined) return resolve(wholeBody(parts));
      // The rest is read and discarded, so that the client gets to read the answer.
      request.on('error', () => {}).resume();
      reject(fault);
    };
    const take = (part: Buffer) => {
      stall.refresh();
      bytes += part.length;
      try {
        if (bytes > limitBytes) throw tooLarge(limits);
        held.take(part.length);
        parts.push(part);
      } catch (fault) {
        settle(fault);
      }
    };
    const finish = () => settle();
    const leave = () => settle(signal.reason);
    const whole = setTimeout(() => settle(tooSlow(limits.uploadTimeoutMs)), limits.uploadTimeoutMs);
    const stall = setTimeout(() => settle(tooSlow(limits.uploadStallMs)), limits.uploadStallMs);
    if (signal.aborted) return leave();
    if (announced > limitBytes) return settle(tooLarge(limits, announced));
    signal.addEventListener('abort', leave);
    request.on('data', take).on('end', finish).on('error', settle);
    // Only now, so that a body that is refused because of its headers is never sent.
    if (awaitsContinue(request)) response.writeContinue();
  });
}

/** Whether the client sends the body only after `100 Continue`. */
function awaitsContinue({ headers, httpVersion }: Request): boolean {
  return httpVersion === '1.1' && /\b100-continue\b/i.test(headers.expect ?? '');
}

export function tooLarge(
  { maxUploadBytes }: Pick<BodyLimits, 'maxUploadBytes'>,
  bytes?: number,
): TexturaError {
  const got = bytes === undefined ? 'got more' : `got a body of ${bytes}`;
  return new TexturaError('image-too-large', `body: at most ${maxUploadBytes} bytes of images, ${got}`);
}

function tooSlow(limitMs: number): TexturaError {
  return new TexturaError('upload-timeout', `body: timed out after ${limitMs} ms before it was complete`);
}

function tooLong(limits: BodyLimits): TexturaError {
  return new TexturaError(
    'deadline-exceeded',
    `no answer within the request timeout of ${requestTimeoutMs(limits)} ms`,
  );
}

/** All parts in one unshared buffer. The parts must not be used afterwards. */
function wholeBody(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const [first] = parts;
  if (first !== undefined && parts.length === 1 && ownsMemory(first)) return first;
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
