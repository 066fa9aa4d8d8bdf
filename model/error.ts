/**
 * The error type of the whole product. An error has a `code`, and the table maps the code to the exit status of
 * a command and the HTTP status of a response. The message says what is wrong, where, and how to fix it.
 */

interface ErrorCode {
  readonly exit: 1 | 2 | 3 | 4 | 5 | 130;
  readonly http: 400 | 401 | 404 | 405 | 408 | 413 | 415 | 422 | 500 | 503 | 504;
}

export const errorCodes = {
  internal: { exit: 1, http: 500 },
  usage: { exit: 2, http: 400 },
  'memory-insufficient': { exit: 2, http: 503 },
  'descriptors-exhausted': { exit: 2, http: 503 },
  'engine-unavailable': { exit: 2, http: 503 },
  'output-unwritable': { exit: 2, http: 500 },
  'data-unusable': { exit: 3, http: 422 },
  'file-unreadable': { exit: 3, http: 422 },
  'file-damaged': { exit: 3, http: 500 },
  'image-type-unsupported': { exit: 3, http: 415 },
  'image-damaged': { exit: 3, http: 422 },
  'image-too-small': { exit: 3, http: 422 },
  'image-too-large': { exit: 3, http: 413 },
  'model-not-found': { exit: 3, http: 404 },
  'model-unusable': { exit: 3, http: 500 },
  diverged: { exit: 4, http: 500 },
  'parity-failed': { exit: 5, http: 500 },
  interrupted: { exit: 130, http: 503 },
  unauthorized: { exit: 2, http: 401 },
  'route-not-found': { exit: 2, http: 404 },
  'method-not-allowed': { exit: 2, http: 405 },
  'upload-timeout': { exit: 2, http: 408 },
  'media-type-unsupported': { exit: 2, http: 415 },
  overloaded: { exit: 1, http: 503 },
  'deadline-exceeded': { exit: 1, http: 504 },
} as const satisfies Record<string, ErrorCode>;

/** The exit statuses of every command, for the help. */
export const exitStatusText =
  'Exit status: 0 success, 1 internal error, 2 usage, 3 data, 4 diverged,\n' +
  '5 export check failed, 130 interrupted (can be resumed).';

export type TexturaErrorCode = keyof typeof errorCodes;

/** Apart from the other table, because the page does not need it. */
export const errorMeanings: Readonly<Record<TexturaErrorCode, string>> = {
  internal: 'internal error',
  usage: 'the command or request is invalid',
  'memory-insufficient': 'there is not enough free memory',
  'descriptors-exhausted': 'the limit on open files is reached',
  'engine-unavailable': 'the requested engine or device is not available on this machine',
  'output-unwritable': 'the output folder is not writable, or its disk is full',
  'data-unusable': 'the data folder cannot be used for training',
  'file-unreadable': 'a file is missing or not readable',
  'file-damaged': 'a file is corrupt',
  'image-type-unsupported': 'not an image, or an unsupported image format',
  'image-damaged': 'the image is truncated or corrupt',
  'image-too-small': 'a side of the image is shorter than a patch',
  'image-too-large': 'the image or request has too many pixels or bytes',
  'model-not-found': 'no such model',
  'model-unusable': 'the ONNX file has unexpected inputs, outputs, operators or metadata',
  diverged: 'the training loss became NaN or infinite, or exploded and stayed worse than guessing',
  'parity-failed': 'the export check failed: outputs differ from the trained network',
  interrupted: 'stopped on request; can be resumed',
  unauthorized: 'the API key is missing or wrong',
  'route-not-found': 'no such route',
  'method-not-allowed': 'the route does not support this method',
  'upload-timeout': 'the request body did not arrive in time',
  'media-type-unsupported': 'the media type of the request body is not supported',
  overloaded: 'the service is busy; try again later',
  'deadline-exceeded': 'the request exceeded its deadline',
};

/**
 * An error with a code. The message is for the person who can fix the problem and names the file, field or
 * size.
 */
export class TexturaError extends Error {
  override readonly name = 'TexturaError';
  readonly code: TexturaErrorCode;

  constructor(code: TexturaErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }

  get exitStatus(): number {
    return errorCodes[this.code].exit;
  }

  get httpStatus(): number {
    return errorCodes[this.code].http;
  }
}

/** The message of whatever was thrown. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** Like `messageOf`, with the stack trace if there is one. */
export function traceOf(thrown: unknown): string {
  return (thrown instanceof Error && thrown.stack) || messageOf(thrown);
}

/** What was thrown, as it crosses the boundary of a thread or process, which classes do not. */
export interface Fault {
  readonly code: TexturaErrorCode;
  readonly message: string;
}

export function faultOf(thrown: unknown): Fault {
  return { code: thrown instanceof TexturaError ? thrown.code : 'internal', message: messageOf(thrown) };
}
