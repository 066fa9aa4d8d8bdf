/**
 * One error type for the whole product. A fault carries a `code`; the table says what the code means, with which status a
 * command exits and which HTTP status a client gets. Everything else about a fault is its message: what, expected, got, where.
 */

interface ErrorCode {
  readonly exit: 1 | 2 | 3 | 4 | 5 | 130;
  readonly http: 400 | 401 | 404 | 405 | 408 | 413 | 415 | 422 | 500 | 503 | 504;
  readonly means: string;
}

export const errorCodes = {
  internal: { exit: 1, http: 500, means: 'a fault of ours' },
  usage: { exit: 2, http: 400, means: 'the command or request was not understood' },
  'memory-insufficient': { exit: 2, http: 503, means: 'the work does not fit into the memory that is free' },
  'descriptors-exhausted': { exit: 2, http: 503, means: 'the limit on open files is reached' },
  'engine-unavailable': {
    exit: 2,
    http: 503,
    means: 'the engine or device asked for is not on this machine',
  },
  'output-unwritable': {
    exit: 2,
    http: 500,
    means: 'the folder for results cannot be written to, or its disk is full',
  },
  'data-unusable': { exit: 3, http: 422, means: 'the data folder cannot be trained on' },
  'file-unreadable': { exit: 3, http: 422, means: 'a file is missing or may not be read' },
  'file-damaged': { exit: 3, http: 500, means: 'a file of ours is not whole' },
  'image-type-unsupported': { exit: 3, http: 415, means: 'not an image, or a kind that is not decoded here' },
  'image-damaged': { exit: 3, http: 422, means: 'an image that cannot be decoded to its end' },
  'image-too-small': { exit: 3, http: 422, means: 'a side of the image is shorter than a patch' },
  'image-too-large': { exit: 3, http: 413, means: 'more pixels or bytes than are accepted' },
  'model-not-found': { exit: 3, http: 404, means: 'no such model' },
  'model-unusable': { exit: 3, http: 500, means: 'an ONNX file that does not keep the contract' },
  diverged: {
    exit: 4,
    http: 500,
    means: 'the training loss became NaN or infinite, or exploded and stayed worse than guessing',
  },
  'parity-failed': { exit: 5, http: 500, means: 'a file does not compute what was trained' },
  interrupted: { exit: 130, http: 503, means: 'stopped on request; can be resumed' },
  unauthorized: { exit: 2, http: 401, means: 'the API key is missing or wrong' },
  'route-not-found': { exit: 2, http: 404, means: 'no such address' },
  'method-not-allowed': { exit: 2, http: 405, means: 'the address is there, but not for this method' },
  'upload-timeout': { exit: 2, http: 408, means: 'the body of a request did not arrive in time' },
  'media-type-unsupported': { exit: 2, http: 415, means: 'a body of a type that is not read here' },
  overloaded: { exit: 1, http: 503, means: 'more work is waiting than is accepted' },
  'deadline-exceeded': { exit: 1, http: 504, means: 'the answer would have come too late' },
} as const satisfies Record<string, ErrorCode>;

export type TexturaErrorCode = keyof typeof errorCodes;

/** A fault with a code. The message is for the person who can mend it and names the file, field or size concerned. */
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
