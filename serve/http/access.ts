/** API key, CORS and security headers. */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { NextFunction, Request, RequestHandler, Response } from 'express';
import helmet from 'helmet';
import { TexturaError } from '../../model/error.ts';

/**
 * Headers for pages: own resources only, WebAssembly and blob workers, and cross-origin isolation for
 * threads.
 */
export function safeHeaders(): RequestHandler {
  return helmet({
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'self'"],
        scriptSrc: ["'self'", "'wasm-unsafe-eval'", 'blob:'],
        workerSrc: ["'self'", 'blob:'],
        connectSrc: ["'self'", 'blob:', 'data:'],
        imgSrc: ["'self'", 'blob:', 'data:'],
        mediaSrc: ["'self'", 'blob:', 'mediastream:'],
        styleSrc: ["'self'", "'unsafe-inline'"],
        objectSrc: ["'none'"],
        baseUri: ["'self'"],
        formAction: ["'self'"],
        frameAncestors: ["'none'"],
      },
    },
    crossOriginOpenerPolicy: { policy: 'same-origin' },
    crossOriginEmbedderPolicy: { policy: 'require-corp' },
    // TLS is up to the reverse proxy.
    strictTransportSecurity: false,
  });
}

/** Headers for JSON answers: the headers for pages would be a third of such an answer. */
export function answerHeaders(_request: Request, response: Response, next: NextFunction): void {
  response.setHeader('X-Content-Type-Options', 'nosniff');
  response.setHeader('Content-Security-Policy', "default-src 'none'; frame-ancestors 'none'");
  response.setHeader('Cross-Origin-Resource-Policy', 'same-origin');
  next();
}

/** CORS for one origin or `*`. */
export function crossOrigin(origin: string | undefined): RequestHandler {
  return (request, response, next) => {
    if (origin === undefined) return next();
    response.setHeader('Access-Control-Allow-Origin', origin);
    response.setHeader('Cross-Origin-Resource-Policy', 'cross-origin');
    response.setHeader(
      'Access-Control-Expose-Headers',
      'Inference-Header-Content-Length, Retry-After, X-Request-Id',
    );
    if (origin !== '*') response.vary('Origin');
    if (request.method !== 'OPTIONS') return next();
    response.setHeader('Access-Control-Allow-Methods', 'GET, POST');
    response.setHeader(
      'Access-Control-Allow-Headers',
      'Authorization, Content-Type, Inference-Header-Content-Length, X-API-Key, X-Request-Id',
    );
    response.setHeader('Access-Control-Max-Age', 600);
    response.status(204).end();
  };
}

/** Requires the key in `Authorization: Bearer KEY` or `X-API-Key: KEY`; compared in constant time. */
export function requireKey(key: string | undefined): RequestHandler {
  if (key === undefined) return (_request, _response, next) => next();
  const expected = digest(Buffer.from(key));
  return (request: Request, _response: Response, next: NextFunction) => {
    const bearer = /^Bearer +(.+)$/i.exec(request.headers.authorization ?? '')?.[1];
    const given = bearer ?? request.headers['x-api-key'];
    if (typeof given === 'string' && timingSafeEqual(digest(headerBytes(given)), expected)) return next();
    throw new TexturaError(
      'unauthorized',
      'the API key is missing or wrong; send it in Authorization: Bearer or X-API-Key',
    );
  };
}

/** Node reads the bytes of a header as Latin-1; clients such as curl send UTF-8. */
function headerBytes(header: string): Buffer {
  return Buffer.from(header, 'latin1');
}

function digest(bytes: Buffer): Buffer {
  return createHash('sha256').update(bytes).digest();
}
