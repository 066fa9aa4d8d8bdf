/** The exported models next to the page: `models/index.json`, and each model's report with its self-check. */
import type { z } from 'zod';
import { noTemperatures, type Temperatures } from '../../../model/calibration.ts';
import { TexturaError } from '../../../model/error.ts';
import {
  commandsHeader,
  type IndexEntry,
  indexFile,
  modelIndexSchema,
  modelReportSchema,
} from '../../../model/model-file.ts';
import type { ModelCheck } from '../../../model/self-check.ts';
import { fetchFile, missing } from '../../shared/model-fetch.ts';
import { signal } from '../dom/signal.ts';

export interface ListedModel {
  readonly name: string;
  /** Empty for an opened file, whose labels are read when it is loaded. */
  readonly labels: readonly string[];
  readonly bytes: number;
  readonly temperatures: Temperatures;
  /** Error on single validation patches in its training run. */
  readonly top1err: number | undefined;
  /** Its 95 % interval over photographs, if the file has one. */
  readonly top1errInterval?: { readonly low: number; readonly high: number };
  /** From the server, trained in the Teach view, or a file that a person opened. */
  readonly origin: 'exported' | 'taught' | 'opened';
  /** An address or its bytes. */
  readonly file: string | Uint8Array;
  /** The text of the report that was opened with the file. */
  readonly report?: string;
  /** Of each label (`dom/colours.ts`), if the model's surfaces have colours. */
  readonly colours?: readonly number[];
  check(): Promise<ModelCheck>;
}

/**
 * The words before the name of a command on the machine of the service, which also has an API. Undefined if
 * the page comes from a static server.
 */
export const serviceCommands = signal<string | undefined>(undefined);

/** The colours of a model's labels, if they have any. */
export function coloursOf(models: readonly ListedModel[], name: string): readonly number[] | undefined {
  return models.find((model) => model.name === name)?.colours;
}

/** The wanted name, with a number if another model has it. */
export function freeName(wanted: string, others: readonly ListedModel[]): string {
  let name = wanted;
  for (let number = 2; others.some((model) => model.name === name); number++) name = `${wanted} ${number}`;
  return name;
}

const folder = () => new URL('models/', document.baseURI);

/**
 * Models with a portable graph, in the order of the index; none if the server has no index. Those of fewer bits
 * are left out: See and Teach need the weights of training, and WebAssembly runs int8 slower. Errors:
 * `file-missing` if the server does not answer, `file-damaged`.
 */
export async function listModels(): Promise<readonly ListedModel[]> {
  const { models } = (await fetchJson(indexFile, modelIndexSchema)) ?? { models: [] };
  return models.flatMap((model) => {
    const file = model.files.portable;
    return file === undefined || model.precision !== undefined ? [] : [listed(model, file)];
  });
}

function listed(
  { name, labels, bytes, top1err, top1errInterval, report, temperatures = noTemperatures }: IndexEntry,
  file: string,
): ListedModel {
  return {
    name,
    file: new URL(file, folder()).href,
    labels,
    bytes,
    temperatures,
    top1err,
    ...(top1errInterval && { top1errInterval }),
    origin: 'exported',
    async check() {
      const found = await fetchJson(report, modelReportSchema);
      if (found === undefined) throw missing(new URL(report, folder()).href, 'not on the server');
      const { selfCheck, graphs } = found;
      const parity = graphs.find(({ kind }) => kind === 'portable')?.parity;
      return { selfCheck, tolerance: parity?.tolerance ?? 0 };
    },
  };
}

/** Undefined if the server has no such file. Errors: `file-missing`, `file-damaged`. */
async function fetchJson<T>(file: string, schema: z.ZodType<T>): Promise<T | undefined> {
  const response = await fetchFile(new URL(file, folder()).href);
  if (file === indexFile) serviceCommands.set(response?.headers.get(commandsHeader) ?? undefined);
  const text = (await response?.text()) ?? '';
  // Single-page hosts answer every address with their page.
  if (response === undefined || text.startsWith('<')) return undefined;
  try {
    return schema.parse(JSON.parse(text));
  } catch (cause) {
    throw new TexturaError('file-damaged', `models/${file} is not valid`, { cause });
  }
}
