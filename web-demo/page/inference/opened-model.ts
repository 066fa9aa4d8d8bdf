/** A model from a file that a person opens: one of ours, with or without its report. */
import { noTemperatures } from '../../../model/calibration.ts';
import { TexturaError } from '../../../model/error.ts';
import { jsonOf } from '../../../model/issue-text.ts';
import { modelReportSchema } from '../../../model/model-file.ts';
import { selfCheckTolerance } from '../../../model/self-check.ts';
import { freeName, type ListedModel } from './model-list.ts';

const modelEnding = /\.onnx$/i;
const reportEnding = /\.report\.json$/i;

export interface ModelFiles {
  readonly model: File;
  readonly report: File | undefined;
}

/** Of files that are opened together, the first model and its report: that of its name, or else any. */
export function modelFiles(files: readonly File[]): ModelFiles | undefined {
  const model = files.find(({ name }) => modelEnding.test(name));
  if (model === undefined) return undefined;
  const reports = files.filter(({ name }) => reportEnding.test(name));
  const own = reports.find(
    ({ name }) => name.replace(reportEnding, '') === model.name.replace(modelEnding, ''),
  );
  return { model, report: own ?? reports[0] };
}

/**
 * The file as a model of the list: the one that was opened from the same bytes with the same report, or a new
 * one under a name that no other model has. Its labels are read when it is loaded.
 * Without a report and without a self-check inside, its results cannot be checked, so it runs on wasm only. With
 * a damaged report it cannot be used.
 */
export async function openedModel(files: ModelFiles, others: readonly ListedModel[]): Promise<ListedModel> {
  const { model } = files;
  const bytes = new Uint8Array(await model.arrayBuffer());
  const report = await files.report?.text();
  const known = others.find(
    (other) =>
      other.origin === 'opened' &&
      other.report === report &&
      other.bytes === bytes.length &&
      bytes.every((byte, i) => byte === other.file[i]),
  );
  if (known !== undefined) return known;
  const reported = report === undefined ? undefined : modelReportSchema.safeParse(jsonOf(report)).data;
  const graph = reported?.graphs.find(({ file }) => file === model.name) ?? reported?.graphs[0];
  return {
    name: freeName(model.name.replace(modelEnding, ''), others),
    labels: [],
    bytes: bytes.length,
    temperatures: noTemperatures,
    top1err: reported?.validation?.top1err,
    origin: 'opened',
    file: bytes,
    ...(report !== undefined && { report }),
    check: async () => {
      if (report !== undefined && reported === undefined)
        throw new TexturaError('file-damaged', `${files.report?.name} is not valid`);
      return {
        selfCheck: reported?.selfCheck ?? [],
        tolerance: graph?.parity.tolerance ?? selfCheckTolerance,
      };
    },
  };
}
