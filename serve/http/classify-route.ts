/** `POST /classify`. */
import type { Request, Response } from 'express';
import { TexturaError } from '../../model/error.ts';
import { type ClassifyQuery, classifyQuerySchema } from '../../model/service.ts';
import type { Service } from '../service.ts';
import { exchangeOf, sendJson } from './exchange.ts';
import { readUpload } from './upload.ts';

export function classifyRoute(service: Service) {
  const readQuery = queryReader();
  return async (request: Request, response: Response): Promise<void> => {
    const exchange = exchangeOf(response);
    exchange.route = '/classify';
    const { model: name, top, crops } = readQuery(request);
    const lease = service.registry.lease(name);
    let heldBytes = 0;
    try {
      const { signal } = exchange;
      const client = request.ip ?? '';
      const upload = await readUpload(request, { ...service.uploads, signal, client });
      heldBytes = upload.heldBytes;
      const wishes = { client, model: lease.model, images: upload.images, crops, top, signal };
      const answer = await service.classifier.classify(wishes);
      const start = performance.now();
      sendJson(response, answer);
      service.metrics.timeStage('serialise', performance.now() - start);
    } finally {
      service.uploads.budget.giveBack(heldBytes);
      lease.letGo();
    }
  };
}

/** Reads queries; what is asked again, as machines do, is known from the last time. Errors: `usage`, naming the parameter. */
function queryReader(): (request: Request) => ClassifyQuery {
  let last: { readonly url: string; readonly query: ClassifyQuery } | undefined;
  return (request) => {
    if (last?.url !== request.url) last = { url: request.url, query: queryOf(request) };
    return last.query;
  };
}

function queryOf(request: Request): ClassifyQuery {
  const query = classifyQuerySchema.safeParse({ ...request.query });
  if (query.success) return query.data;
  const [issue] = query.error.issues;
  const where = issue?.path[0] === undefined ? 'address' : `parameter ${String(issue.path[0])}`;
  throw new TexturaError('usage', `${where}: ${issue?.message ?? 'not understood'}`);
}
