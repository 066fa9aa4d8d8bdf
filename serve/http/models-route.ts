/** `GET /models` and the models' files. */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import type { Request, Response } from 'express';
import { TexturaError } from '../../model/error.ts';
import { commandsHeader, type ModelIndex } from '../../model/model-file.ts';
import type { ModelList } from '../../model/service.ts';
import { commandPrefix } from '../../node/shell.ts';
import { stampOf } from '../registry/model-folder.ts';
import type { Registry } from '../registry/registry.ts';
import { exchangeOf, sendJson } from './exchange.ts';

export function modelListRoute(registry: Registry) {
  return (_request: Request, response: Response): void => {
    response.setHeader('Cache-Control', 'no-cache');
    sendJson(response, modelList(registry));
  };
}

function modelList(registry: Registry): ModelList {
  const { defaultName } = registry;
  return {
    ...(defaultName === undefined ? {} : { default: defaultName }),
    models: registry.list().map(({ name, sha256, bytes, labels, input, top1err, device, files }) => ({
      name,
      sha256,
      bytes,
      labels,
      input,
      ...(top1err === undefined ? {} : { top1err }),
      device,
      files: [...files.keys()].map((file) => `models/${encodeURIComponent(file)}`),
    })),
  };
}

/**
 * index.json of the served models, for the page, after the first scan. The folder's own may list refused
 * models too. A header has the form in which the page names commands.
 */
export function modelIndexRoute(registry: Registry) {
  return async (_request: Request, response: Response): Promise<void> => {
    await registry.firstScan;
    response.setHeader('Cache-Control', 'no-cache');
    response.setHeader(commandsHeader, commandPrefix());
    sendJson(response, { models: registry.list().map(({ entry }) => entry) } satisfies ModelIndex);
  };
}

/**
 * Sends a file of a served model. Names are looked up, never joined to a path. A file that is being replaced
 * is not sent, because it is not the file of the served model.
 */
export function modelFileRoute(registry: Registry) {
  return async (request: Request, response: Response): Promise<void> => {
    const wanted = String(request.params.file);
    const file = registry.list().flatMap(({ files }) => files.get(wanted) ?? [])[0];
    if (file === undefined) {
      throw new TexturaError('model-not-found', 'file: not found; GET /models lists all files');
    }
    const now = await stat(file.path).catch(() => undefined);
    if (now === undefined || stampOf(now) !== file.stamp) {
      throw new TexturaError('overloaded', 'the file is being replaced; try again later');
    }
    const etag = `"${file.stamp}"`;
    response.setHeader('ETag', etag);
    response.setHeader('Cache-Control', 'no-cache');
    // A proxy that compresses makes a tag weak.
    const unchanged = ['*', etag, `W/${etag}`];
    if (request.headers['if-none-match']?.split(',').some((tag) => unchanged.includes(tag.trim()))) {
      response.status(304).end();
      return;
    }
    response.setHeader(
      'Content-Type',
      wanted.endsWith('.json') ? 'application/json' : 'application/octet-stream',
    );
    response.setHeader('Content-Length', file.bytes);
    if (request.method === 'HEAD') {
      response.end();
      return;
    }
    await pipeline(createReadStream(file.path), response).catch((error: unknown) => {
      if (!exchangeOf(response).signal.aborted) throw error;
    });
  };
}
