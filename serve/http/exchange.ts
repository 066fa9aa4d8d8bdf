/** The state of a request: its id, its abort signal and its route. Logs and counts it when it ends. */
import { randomUUID } from 'node:crypto';
import type { NextFunction, Request, Response } from 'express';
import type { Logger } from 'pino';
import { TexturaError } from '../../model/error.ts';
import type { Metrics } from '../metrics.ts';

interface Exchange {
  /** Also in the response header, in problem details and in the log. */
  readonly requestId: string;
  /** Aborted when the client disconnects or the request times out. */
  readonly signal: AbortSignal;
  /** Aborts the signal. */
  stop(reason: TexturaError): void;
  /** The label for metrics if no route matches. */
  route: string;
  /** Whether it is a request of the Open Inference Protocol. */
  isOpenInference: boolean;
}

export function exchangeOf(response: Response): Exchange {
  return response.locals.exchange as Exchange;
}

/** Polled by machines: logged only if they fail. */
const probes: ReadonlySet<string> = new Set(['/healthz', '/readyz', '/metrics']);

/** Starts the exchange, and counts and logs the request when it ends. Bodies are never logged. */
export function beginExchange(metrics: Metrics, log: Logger) {
  return (request: Request, response: Response, next: NextFunction): void => {
    const start = performance.now();
    const stopping = new AbortController();
    const requestId = givenId(request.headers['x-request-id']) ?? randomUUID();
    const exchange: Exchange = {
      requestId,
      signal: stopping.signal,
      stop: (reason) => stopping.abort(reason),
      route: 'other',
      isOpenInference: false,
    };
    response.locals.exchange = exchange;
    response.setHeader('X-Request-Id', requestId);
    response.on('close', () => {
      const isAnswered = response.writableFinished;
      if (!isAnswered) exchange.stop(new TexturaError('interrupted', 'the client disconnected'));
      // As nginx logs a client that disconnected.
      const status = isAnswered ? response.statusCode : 499;
      const route: string = request.route?.path ?? exchange.route;
      metrics.countRequest(route, request.method, status);
      const ms = Math.round((performance.now() - start) * 100) / 100;
      const { method, path } = request;
      const level = probes.has(route) && status < 400 ? 'debug' : 'info';
      log[level]({ requestId, method, path, status, ms }, 'request');
    });
    next();
  };
}

function givenId(header: string | string[] | undefined): string | undefined {
  return typeof header === 'string' && /^[\w.:-]{1,64}$/.test(header) ? header : undefined;
}

export function sendJson(response: Response, value: unknown, type = 'application/json; charset=utf-8'): void {
  // As text, so that it is sent in one packet with the headers.
  const body = JSON.stringify(value);
  response.setHeader('Content-Type', type);
  response.setHeader('Content-Length', Buffer.byteLength(body));
  response.end(body);
}
