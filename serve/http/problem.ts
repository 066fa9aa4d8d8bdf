/** Errors as RFC 9457 problem details, from the tables of error codes. */
import type { NextFunction, Request, Response } from 'express';
import type { Logger } from 'pino';
import { errorMeanings, TexturaError } from '../../model/error.ts';
import { type Problem, problemMediaType } from '../../model/service.ts';
import { printable } from '../../model/words.ts';
import { exchangeOf, sendJson } from './exchange.ts';

/** Seconds after which a client may try again. */
const retryAfterSeconds = 1;
/** How long a refused client may continue to send before its connection is closed. */
export const refusedLingerMs = 2000;

export function problemOf({ code, message, httpStatus: status }: TexturaError, requestId: string): Problem {
  const title = errorMeanings[code];
  const detail =
    status === 500 ? 'internal error; the log of the service has details under this request id' : message;
  return { type: `urn:textura:problem:${code}`, title, status, code, detail, requestId };
}

/** The last handler of the app. Internal errors are logged with their stack and not shown to the client. */
export function answerProblem(log: Logger) {
  return (error: unknown, request: Request, response: Response, next: NextFunction): void => {
    const fault = asTexturaError(error);
    const { requestId, isOpenInference } = exchangeOf(response);
    if (response.closed) return;
    if (fault.httpStatus === 500) log.error({ requestId, err: error }, 'fault');
    if (response.headersSent) {
      next(error);
      return;
    }
    response.statusCode = fault.httpStatus;
    if (fault.httpStatus === 503) response.setHeader('Retry-After', retryAfterSeconds);
    if (fault.httpStatus === 401) response.setHeader('WWW-Authenticate', 'Bearer');
    response.setHeader('Cache-Control', 'no-store');
    if (!request.complete) cutUnlessItEnds(request);
    const problem = problemOf(fault, requestId);
    sendJson(response, isOpenInference ? { ...problem, error: problem.detail } : problem, problemMediaType);
  };
}

/**
 * Discards the rest of the body for a while, then closes the connection. If it closed at once, the client
 * would see a broken connection instead of the answer.
 */
function cutUnlessItEnds(request: Request): void {
  const timer = setTimeout(() => request.socket.destroy(), refusedLingerMs).unref();
  request.resume().on('end', () => clearTimeout(timer));
}

/** Text from a request, for a message: in quotes, shortened, with control characters escaped. */
export function excerpt(text: string): string {
  const short = text.length > 80 ? `${text.slice(0, 80)}...` : text;
  return printable(JSON.stringify(short));
}

function asTexturaError(error: unknown): TexturaError {
  if (error instanceof TexturaError) return error;
  // Thrown by Express.
  if (error instanceof URIError) return new TexturaError('usage', 'URL: malformed percent-encoding');
  return new TexturaError('internal', String(error), { cause: error });
}
