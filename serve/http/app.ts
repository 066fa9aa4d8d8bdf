/** The routes of the service and which of them need the API key. */
import express, { type Express, type Request, type RequestHandler } from 'express';
import type { Logger } from 'pino';
import { TexturaError } from '../../model/error.ts';
import type { Service } from '../service.ts';
import type { ServeSettings } from '../settings.ts';
import { answerHeaders, crossOrigin, requireKey, safeHeaders } from './access.ts';
import { classifyRoute } from './classify-route.ts';
import { docsPage } from './docs-page.ts';
import { beginExchange, sendJson } from './exchange.ts';
import { modelFileRoute, modelIndexRoute, modelListRoute } from './models-route.ts';
import {
  inferRoute,
  liveRoute,
  markProtocol,
  modelMetadataRoute,
  modelReadyRoute,
  protocolReadyRoute,
  serverMetadataRoute,
} from './open-inference-route.ts';
import { openApi } from './openapi.ts';
import { addPageRoutes, builtPage } from './page.ts';
import { answerProblem, excerpt } from './problem.ts';

/** `page` is the folder of the built page. */
export function createApp(service: Service, settings: ServeSettings, log: Logger, page = builtPage): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.set('query parser', 'simple');
  app.set('trust proxy', settings.trustProxyHops);
  app.use(beginExchange(service.metrics, log));
  const key = requireKey(settings.apiKey);
  const { registry } = service;
  const origin = crossOrigin(settings.allowOrigin);
  // First, because most requests are for it.
  app.all('/classify', answerHeaders, origin);
  route(app, 'post', '/classify', key, classifyRoute(service));
  app.use(safeHeaders(), origin);
  route(app, 'get', '/healthz', (_request, response) => sendJson(response, { status: 'ok' }));
  route(app, 'get', '/readyz', readyRoute(service));
  route(app, 'get', '/metrics', key, metricsRoute(service));
  route(app, 'get', '/models', key, modelListRoute(registry));
  route(app, 'get', '/models/index.json', key, modelIndexRoute(registry));
  route(app, 'get', '/models/:file', key, modelFileRoute(registry));
  const description = openApi(settings.apiKey !== undefined);
  route(app, 'get', '/openapi.json', (_request, response) => sendJson(response, description));
  route(app, 'get', '/docs', (request, response) => {
    const root = request.path.endsWith('/') ? '../' : './';
    const { protocol, host = 'localhost' } = request;
    const prefix = settings.trustProxyHops > 0 ? forwardedPrefix(request) : '';
    const address = `${protocol}://${host}${prefix}`;
    response.type('text/html').send(docsPage(description, { root, address }));
  });
  app.use('/v2', markProtocol);
  route(app, 'get', '/v2', serverMetadataRoute);
  route(app, 'get', '/v2/health/live', liveRoute);
  route(app, 'get', '/v2/health/ready', protocolReadyRoute(service));
  for (const path of ['/v2/models/:name', '/v2/models/:name/versions/:version']) {
    route(app, 'get', path, key, modelMetadataRoute(service));
    route(app, 'get', `${path}/ready`, key, modelReadyRoute(service));
    route(app, 'post', `${path}/infer`, key, inferRoute(service));
  }
  addPageRoutes(app, page);
  app.use(({ path }: Request) => {
    throw new TexturaError('route-not-found', `no route ${excerpt(path)}; /docs describes the routes`);
  });
  app.use(answerProblem(log));
  return app;
}

function readyRoute(service: Service): RequestHandler {
  return async (_request, response) => {
    const isReady = await service.isServiceReady();
    if (!isReady) response.statusCode = 503;
    response.setHeader('Cache-Control', 'no-store');
    sendJson(response, { status: isReady ? 'ready' : 'not ready' });
  };
}

function metricsRoute(service: Service): RequestHandler {
  return async (_request, response) => {
    response.setHeader('Content-Type', service.metrics.registry.contentType);
    response.end(await service.metricsText());
  };
}

/** The path under which a reverse proxy serves the service: empty, or `/tools/textura`. */
function forwardedPrefix({ headers }: Request): string {
  const given = headers['x-forwarded-prefix'];
  return typeof given === 'string' && /^(\/[\w.~%-]+)+\/?$/.test(given) ? given.replace(/\/$/, '') : '';
}

/** Adds one method of a path; other methods are answered 405. */
function route(app: Express, method: 'get' | 'post', path: string, ...handlers: RequestHandler[]): void {
  const refuse: RequestHandler = (request, response) => {
    const allowed = method === 'get' ? 'GET, HEAD' : 'POST';
    response.setHeader('Allow', allowed);
    throw new TexturaError('method-not-allowed', `method: expected ${allowed}, got ${request.method}`);
  };
  const known = app.route(path);
  known[method](...handlers).all(refuse);
}
