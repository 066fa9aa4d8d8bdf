/** The body of a request as it arrives: counted, clocked, and given up when it is too large, too slow or its sender has left. */
import type { IncomingMessage } from 'node:http';
import { TexturaError } from '../../model/error.ts';
import { ownsMemory } from '../../node/thread.ts';

export interface BodyLimits {
  /** Bytes of image files in one request. */
  readonly maxUploadBytes: number;
  readonly maxImages: number;
  /** For the whole body. */
  readonly uploadTimeoutMs: number;
  /** Between two parts of it. */
  readonly uploadStallMs: number;
}

/** Memory that bodies may take, of all requests together. */
export class BodyBudget {
  readonly #limitBytes: number;
  #takenBytes = 0;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  get takenBytes(): number {
    return this.#takenBytes;
  }

  /** Errors: `overloaded`. */
  take(bytes: number): void {
    if (this.#takenBytes + bytes > this.#limitBytes) {
      throw new TexturaError(
        'overloaded',
        'expected room for the body, got none: too many uploads at a time',
      );
    }
    this.#takenBytes += bytes;
  }

  giveBack(bytes: number): void {
    this.#takenBytes -= bytes;
  }
}

export interface BodyReading {
  readonly limits: BodyLimits;
  /** Bytes of the whole body that are read before it is refused. */
  readonly limitBytes: number;
  readonly budget: BodyBudget;
  /** Aborted when the client has left. */
  readonly signal: AbortSignal;
}

/**
 * Feeds the body to `onPart` and ends when all of it has come. Gives how many bytes of the budget it holds; where it fails, none.
 * Errors: `image-too-large`, `upload-timeout`, `overloaded`, the signal's reason, and whatever `onPart` throws.
 */
export function readBody(
  request: IncomingMessage,
  { limits, limitBytes, budget, signal }: BodyReading,
  onPart: (part: Buffer) => void,
): Promise<number> {
  const announced = Number(request.headers['content-length'] ?? 0);
  return new Promise((resolve, reject) => {
    let bytes = 0;
    const settle = (fault?: unknown) => {
      clearTimeout(whole);
      clearTimeout(stall);
      request.off('data', take).off('end', finish).off('error', settle);
      signal.removeEventListener('abort', leave);
      if (fault === undefined) return resolve(bytes);
      budget.giveBack(bytes);
      // What still comes is thrown away, so that the sender gets to read the answer.
      request.on('error', () => {}).resume();
      reject(fault);
    };
    const take = (part: Buffer) => {
      stall.refresh();
      try {
        if (bytes + part.length > limitBytes) throw tooLarge(limits);
        budget.take(part.length);
        bytes += part.length;
        onPart(part);
      } catch (fault) {
        settle(fault);
      }
    };
    const finish = () => settle();
    const leave = () => settle(signal.reason);
    const whole = setTimeout(() => settle(tooSlow(limits.uploadTimeoutMs)), limits.uploadTimeoutMs);
    const stall = setTimeout(() => settle(tooSlow(limits.uploadStallMs)), limits.uploadStallMs);
    if (signal.aborted) return leave();
    if (announced > limitBytes) return settle(tooLarge(limits));
    signal.addEventListener('abort', leave);
    request.on('data', take).on('end', finish).on('error', settle);
  });
}

export function tooLarge({ maxUploadBytes }: BodyLimits): TexturaError {
  return new TexturaError(
    'image-too-large',
    `body: expected ${maxUploadBytes} bytes of images or fewer, got more`,
  );
}

function tooSlow(limitMs: number): TexturaError {
  return new TexturaError(
    'upload-timeout',
    `body: expected more of it within ${limitMs} ms, got nothing or too little`,
  );
}

/** The parts, which are given away, in one piece of memory of its own, which can be given to a thread. */
export function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
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
