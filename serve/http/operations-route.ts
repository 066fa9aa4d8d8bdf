/** For those who run the service: whether it lives, whether it may be sent requests, and its metrics. */
import type { Request, Response } from 'express';
import type { Service } from '../service.ts';
import { sendJson } from './exchange.ts';

export function healthRoute(_request: Request, response: Response): void {
  sendJson(response, { status: 'ok' });
}

export function readyRoute(service: Service) {
  return (_request: Request, response: Response): void => {
    const isReady = service.isReady();
    if (!isReady) response.statusCode = 503;
    response.setHeader('Cache-Control', 'no-store');
    sendJson(response, { status: isReady ? 'ready' : 'not ready' });
  };
}

export function metricsRoute({ metrics }: Service) {
  return async (_request: Request, response: Response): Promise<void> => {
    response.setHeader('Content-Type', metrics.registry.contentType);
    response.end(await metrics.registry.metrics());
  };
}
