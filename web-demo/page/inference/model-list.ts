/** The models that lie beside the page: `models/index.json`, and each one's report with the proof that it must repeat here. */
import type { z } from 'zod';
import { TexturaError } from '../../../model/error.ts';
import { type ModelIndex, modelIndexSchema, modelReportSchema } from '../../../model/model-file.ts';
import { fault, InferenceError } from '../../shared/faults.ts';
import type { ModelSource } from '../../shared/inference-api.ts';
import { fetchKept } from '../../shared/kept-fetch.ts';

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

/**
 * Models with a portable graph, in the order of the index; none where the server has no index. Errors: `file-missing` where it does not
 * answer, `file-damaged`.
 */
export async function listModels(): Promise<readonly ListedModel[]> {
  const { models } = (await fetchJson('index.json', modelIndexSchema)) ?? { models: [] };
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
      const found = await fetchJson(report, modelReportSchema);
      if (found === undefined) throw missing(report, 'it is not on the server');
      const { selfCheck, graphs } = found;
      const parity = graphs.find(({ kind }) => kind === 'portable')?.parity;
      return { name, file: new URL(file, folder()).href, selfCheck, tolerance: parity?.tolerance ?? 0 };
    },
  };
}

/** Undefined where the server has no such file. */
async function fetchJson<T>(file: string, schema: z.ZodType<T>): Promise<T | undefined> {
  const response = await fetchKept(new URL(file, folder()).href).catch((cause: unknown) => {
    throw missing(file, cause);
  });
  if (response.status === 404) return undefined;
  if (!response.ok) throw missing(file, `HTTP status ${response.status}`);
  const text = await response.text();
  // A host of single pages answers every address with its page.
  if (text.startsWith('<')) return undefined;
  try {
    return schema.parse(JSON.parse(text));
  } catch (cause) {
    throw new TexturaError('file-damaged', `models/${file}: not understood`, { cause });
  }
}

function missing(file: string, cause: unknown): InferenceError {
  return new InferenceError(fault('file-missing', { file: `models/${file}` }, cause));
}
