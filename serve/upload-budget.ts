/** Limits of request bodies, and the memory that all of them together may take. */
import { TexturaError } from '../model/error.ts';

export interface BodyLimits {
  /** Bytes of image files in one request. */
  readonly maxUploadBytes: number;
  readonly maxImages: number;
  /** Maximum time to receive the body. */
  readonly uploadTimeoutMs: number;
  /** Maximum pause within the body. */
  readonly uploadStallMs: number;
  /** Maximum time from the end of the body to the answer. */
  readonly deadlineMs: number;
}

/** Allowance for everything in a form or in JSON that is not image data. */
export const wrappingBytes = 64 * 1024;

/**
 * Largest body of a request with `imageBytes` of images: JSON in base64, which has four characters for three
 * bytes and may be percent-encoded, up to three characters for one of them.
 */
export function largestBodyBytes(imageBytes: number): number {
  return 2 * imageBytes + wrappingBytes;
}

export interface BudgetSettings extends BodyLimits {
  /** Memory for the bodies of all requests together. */
  readonly maxBufferedBytes: number;
}

/** The share of the budget that one request holds. */
export interface HeldBytes {
  /**
   * Errors: `overloaded` if the budget is used up; `image-too-large` if one request exceeds it; `interrupted` after
   * a release.
   */
  take(bytes: number): void;
  /** Returns everything to the budget. May be called more than once. */
  release(): void;
}

interface Holder {
  readonly since: number;
  bytes: number;
}

/** Allowance for timers that fire late on a busy machine. */
const lateTimerMs = 1000;

/** Memory for request bodies. The used memory is the sum over the open requests, so no counter can drift. */
export class BodyBudget {
  readonly #settings: BudgetSettings;
  readonly #holders = new Set<Holder>();

  constructor(settings: BudgetSettings) {
    this.#settings = settings;
  }

  get takenBytes(): number {
    return heldBytes(this.#holders);
  }

  open(now = performance.now()): HeldBytes {
    const holder: Holder = { since: now, bytes: 0 };
    this.#holders.add(holder);
    return {
      take: (bytes) => {
        if (!this.#holders.has(holder)) throw new TexturaError('interrupted', 'the request has ended');
        const { maxBufferedBytes } = this.#settings;
        if (holder.bytes + bytes > maxBufferedBytes) {
          const limit = `${maxBufferedBytes} bytes, which is the memory for all uploads`;
          throw new TexturaError('image-too-large', `body: at most ${limit}`);
        }
        if (this.takenBytes + bytes > maxBufferedBytes) {
          throw new TexturaError('overloaded', 'too many concurrent uploads; try again later');
        }
        holder.bytes += bytes;
      },
      release: () => {
        this.#holders.delete(holder);
      },
    };
  }

  /**
   * Whether overdue requests leave too little memory for the largest upload. That would be a bug that only a
   * restart fixes, so the service reports that it is not ready.
   */
  isStuck(now = performance.now()): boolean {
    const { maxBufferedBytes, maxUploadBytes } = this.#settings;
    const oldest = now - requestTimeoutMs(this.#settings) - lateTimerMs;
    const overdue = heldBytes([...this.#holders].filter(({ since }) => since < oldest));
    return overdue > Math.max(0, maxBufferedBytes - maxUploadBytes);
  }
}

function heldBytes(holders: Iterable<Holder>): number {
  let sum = 0;
  for (const { bytes } of holders) sum += bytes;
  return sum;
}

/** Maximum time of a request with a body. */
export function requestTimeoutMs({ uploadTimeoutMs, deadlineMs }: BodyLimits): number {
  return uploadTimeoutMs + deadlineMs;
}
