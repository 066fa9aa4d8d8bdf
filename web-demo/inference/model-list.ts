/** The models that lie beside the page: `models/index.json`, and each one's report with the proof that it must repeat here. */
import type { z } from 'zod';
import { TexturaError } from '../../model/error.ts';
import { type ModelIndex, modelIndexSchema, modelReportSchema } from '../../model/model-file.ts';
import { fetchKept } from './kept-fetch.ts';
import type { ModelSource } from './messages.ts';

export interface ListedModel {
  readonly name: string;
  readonly labels: readonly string[];
  readonly bytes: number;
  /** Validation error of single patches in the run that it comes from. */
  readonly top1err: number | undefined;
  /** Whether it was taught in this page. */
  readonly taught: boolean;
  source(): Promise<ModelSource>;
}

const folder = () => new URL('models/', document.baseURI);

/** Models with a portable graph, in the order of the index. Errors: `model-not-found` where there is no index, `file-damaged`. */
export async function listModels(): Promise<readonly ListedModel[]> {
  const { models } = await fetchJson('index.json', modelIndexSchema);
  return models.flatMap((model) => {
    const file = model.files.portable;
    return file === undefined ? [] : [listed(model, file)];
  });
}

function listed(
  { name, labels, bytes, top1err, report }: ModelIndex['models'][number],
  file: string,
): ListedModel {
  return {
    name,
    labels,
    bytes,
    top1err,
    taught: false,
    async source() {
      const { selfCheck, graphs } = await fetchJson(report, modelReportSchema);
      const parity = graphs.find(({ kind }) => kind === 'portable')?.parity;
      return { name, file: new URL(file, folder()).href, selfCheck, tolerance: parity?.tolerance ?? 0 };
    },
  };
}

async function fetchJson<T>(file: string, schema: z.ZodType<T>): Promise<T> {
  const missing = (why: string, cause?: unknown) =>
    new TexturaError('model-not-found', `models/${file}: ${why}`, { cause });
  const response = await fetchKept(new URL(file, folder()).href).catch((cause: unknown) => {
    throw missing('no answer', cause);
  });
  if (!response.ok) throw missing(`HTTP status ${response.status}`);
  const text = await response.text();
  // A host of single pages answers every address with its page.
  if (text.startsWith('<')) throw missing('a page came instead of the file');
  try {
    return schema.parse(JSON.parse(text));
  } catch (cause) {
    throw new TexturaError('file-damaged', `models/${file}: not understood`, { cause });
  }
}
