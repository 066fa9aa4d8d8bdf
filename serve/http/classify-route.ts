/** `POST /classify`. */
import type { Request, RequestHandler } from 'express';
import { TexturaError } from '../../model/error.ts';
import { issueTexts } from '../../model/issue-text.ts';
import { type ClassifyQuery, classifyQuerySchema } from '../../model/service.ts';
import { oneLine } from '../../model/words.ts';
import type { Service } from '../service.ts';
import { uploadRoute } from './body.ts';
import { sendJson } from './exchange.ts';
import { readImages } from './request-images.ts';

export function classifyRoute({ registry, classifier, metrics, uploads }: Service): RequestHandler {
  return uploadRoute(uploads, async (upload) => {
    const { request, response, client, signal } = upload;
    const { model: name, top, crops } = queryOf(request);
    const { model, release } = registry.lease(name);
    try {
      const images = await readImages(upload, uploads.preparation);
      const answer = await classifier.classify({ client, model, images, crops, top, signal });
      const start = performance.now();
      sendJson(response, answer);
      metrics.timeStage('serialise', performance.now() - start);
    } finally {
      release();
    }
  });
}

/** Errors: `usage`, naming the parameter. */
function queryOf(request: Request): ClassifyQuery {
  const query = classifyQuerySchema.safeParse({ ...request.query });
  if (query.success) return query.data;
  const placeOf = ([name]: readonly PropertyKey[]) => `parameter ${oneLine(String(name)).slice(0, 60)}`;
  const texts = issueTexts(query.error, { input: request.query, placeOf });
  const known = Object.keys(classifyQuerySchema.shape).join(', ');
  throw new TexturaError('usage', `${texts.join('; ')} (parameters are ${known})`);
}
