/**
 * npm run export: writes trained runs as verified ONNX files. A run that fails is reported, and the others
 * are still exported.
 */
import { join } from 'node:path';
import { z } from 'zod';
import { TexturaError } from '../model/error.ts';
import { fileSize, measure, significant } from '../model/format.ts';
import {
  defaultOpset,
  type FilePrecision,
  filePrecisions,
  graphKinds,
  type Opset,
  opsets,
} from '../model/model-file.ts';
import { runsFolder } from '../model/run-file.ts';
import { counted, oneLine } from '../model/words.ts';
import { callerPath, callerPathHelp } from '../node/caller-path.ts';
import { type CommandDefinition, runIfMain } from '../node/command-line.ts';
import { requireWritable } from '../node/output.ts';
import { commandText } from '../node/shell.ts';
import { terminalOn } from '../node/terminal.ts';
import { agreementText } from './export-check.ts';
import { type ExportResult, exportModel, usefulGraphs } from './export-model.ts';
import { reducedModel } from './reduced-model.ts';
import { bestRunsOfStudy, newestFinishedRuns, runRoots } from './run-choice.ts';
import { readTaughtFile } from './taught-file.ts';
import { readTrainedRun, type TrainedModel } from './trained-run.ts';
import { exportForTriton } from './triton-layout.ts';

const options = z.strictObject({
  run: z.string().min(1).optional().describe(`one run directory, e.g. runs/reference (${callerPathHelp})`),
  taught: z
    .string()
    .min(1)
    .optional()
    .describe(`an ONNX file downloaded from the page's Teach view, so that it can be served`),
  study: z.string().min(1).optional().describe('a study: export the best finished run of each network'),
  out: z.string().min(1).default('models').describe('folder of models to write to'),
  opset: z
    .int()
    .min(Math.min(...opsets))
    .max(Math.max(...opsets))
    .default(defaultOpset)
    .describe('ai.onnx opset version, 13 to 21'),
  graph: z
    .enum([...graphKinds, 'both'])
    .default('both')
    .describe(
      'ONNX files to write: portable works in every tool, throughput is faster for large batches in onnxruntime; both: also throughput if it is faster',
    ),
  precision: z
    .string()
    .min(1)
    .default('fp32')
    .describe(
      'number formats, a list of fp32, fp16 and int8: files of fp16 (half the size) and int8 (a third, and faster) are models of their own, NAME-fp16 and NAME-int8',
    ),
  layout: z
    .enum(['textura', 'triton'])
    .default('textura')
    .describe('triton: a model repository for Triton Inference Server instead of a folder with an index'),
});
type ExportOptions = z.infer<typeof options>;

export const command: CommandDefinition<typeof options> = {
  name: 'export',
  summary:
    'Writes trained runs as ONNX files and verifies each against its training engine. ' +
    'Without --run, --taught or --study it exports the newest finished run of each network under runs/ and studies/.',
  options,
  configurable: ['out', 'opset', 'graph', 'precision', 'layout'],
  run: exportAll,
};

const terminal = terminalOn(process.stdout);

async function exportAll(options: ExportOptions): Promise<void> {
  const { run, taught, study, out, graph } = options;
  const isReduced = precisionsOf(options).some((precision) => precision !== 'fp32');
  if (graph === 'throughput' && isReduced)
    throw new TexturaError('usage', '--graph throughput: throughput files are fp32 only');
  if (taught !== undefined && isReduced)
    throw new TexturaError(
      'usage',
      '--precision: a file from Teach has no labelled patches to check fewer bits with',
    );
  if ([run, taught, study].filter((one) => one !== undefined).length > 1)
    throw new TexturaError('usage', '--run, --taught and --study cannot be used together');
  if (taught !== undefined) {
    const model = await readTaughtFile(callerPath(taught));
    await requireWritable(out);
    return writeModels(taught, model, options);
  }
  const directories = await chosenRuns(run, study);
  await requireWritable(out);
  if (run === undefined && study === undefined)
    terminal.line(
      `Exporting the newest finished run of each network: ${oneLine(directories.join(', '))}\n` +
        `To export another one: ${commandText('export', '--run', 'DIR')}\n`,
    );
  const failures: { readonly directory: string; readonly error: TexturaError }[] = [];
  for (const directory of directories) {
    try {
      const trained = await readTrainedRun(directory);
      const { status, best } = trained.run;
      if (status !== 'finished') note(`${directory} is ${status}; exporting its best epoch, ${best?.epoch}`);
      await writeModels(directory, trained, options);
    } catch (error) {
      if (!(error instanceof TexturaError) || error.code === 'output-unwritable') throw error;
      if (directories.length > 1) note(`${directory}: ${error.message}`);
      failures.push({ directory, error });
    }
  }
  const [first] = failures;
  if (first === undefined) return;
  if (directories.length === 1) throw first.error;
  const failed = failures.map(({ directory }) => directory).join(', ');
  throw new TexturaError(
    first.error.code,
    `${failures.length} of ${directories.length} runs were not exported completely: ${oneLine(failed)}`,
  );
}

/**
 * Writes the model in every precision, and prints the report of each. Errors: those of `exportModel`; a file of
 * fewer bits that loses too much does not keep the next precision from being written.
 */
async function writeModels(from: string, trained: TrainedModel, options: ExportOptions): Promise<void> {
  const { out, opset, graph, layout } = options;
  const write = layout === 'triton' ? exportForTriton : exportModel;
  const refused: string[] = [];
  for (const precision of precisionsOf(options)) {
    try {
      const model = precision === 'fp32' ? trained : await reducedModel(trained, precision);
      const useful = precision === 'fp32' ? usefulGraphs(trained.network) : (['portable'] as const);
      const graphs = graph === 'both' ? useful : [graph];
      // The option accepts no other numbers.
      const report = await write(model, { out, opset: opset as Opset, graphs });
      const folder = layout === 'triton' ? join(out, report.model) : out;
      terminal.line(reportText(from, trained.best?.epoch, folder, report));
    } catch (error) {
      const isRefused = error instanceof TexturaError && error.code === 'parity-failed';
      if (precision === 'fp32' || !isRefused) throw error;
      refused.push(error.message);
    }
  }
  if (refused.length > 0) throw new TexturaError('parity-failed', refused.join('; '));
}

/** In the order of `filePrecisions`. Errors: `usage`. */
function precisionsOf({ precision }: ExportOptions): readonly FilePrecision[] {
  const parsed = z.array(z.enum(filePrecisions)).safeParse(precision.split(',').map((name) => name.trim()));
  if (parsed.success) return filePrecisions.filter((one) => parsed.data.includes(one));
  throw new TexturaError(
    'usage',
    `--precision: expected a list of ${filePrecisions.join(', ')}, got ${precision}`,
  );
}

async function chosenRuns(run: string | undefined, study: string | undefined): Promise<readonly string[]> {
  if (run !== undefined) return [callerPath(run)];
  const found =
    study === undefined
      ? await newestFinishedRuns(await runRoots(runsFolder, 'studies'), note)
      : await bestRunsOfStudy(callerPath(study), note);
  if (found.length > 0) return found;
  const where = study === undefined ? 'runs/ and studies/' : study;
  throw new TexturaError(
    'file-unreadable',
    `no finished run under ${where}: train one with ${commandText('train')}, or export a diverged run with --run DIR`,
  );
}

function reportText(
  directory: string,
  epoch: number | undefined,
  out: string,
  { graphs, labels, calibration, replaced }: ExportResult,
): string {
  return graphs
    .map(({ file, bytes, opset, irVersion, sha256, parity }) => {
      const { probabilities, logits } = parity;
      const decades = Object.entries(parity.histogram).filter(([, count]) => count > 0);
      const rows = [
        [
          oneLine(join(out, file)),
          `from ${oneLine(directory)}${epoch === undefined ? '' : `, epoch ${epoch}`}`,
        ],
        [
          '  file',
          `${fileSize(bytes)}, opset ${opset}, IR version ${irVersion}, ${counted(labels.length, 'class', 'classes')}`,
        ],
        ...(replaced === undefined ? [] : [['  replaced', `the model of ${oneLine(replaced)}`] as const]),
        ['  sha256', sha256],
        [
          '  compared',
          `${counted(parity.patches, 'validation patch', 'validation patches')}, ${parity.against} against ${parity.runtime}`,
        ],
        [
          '  probabilities',
          `differ by at most ${short(probabilities.maxAbsolute)}${parity.error ? '' : ` (allowed ${parity.tolerance})`}`,
        ],
        ['  logits', `differ by at most ${short(logits.maxAbsolute)}`],
        ['  top class', `the same for ${agreementText(parity.argmaxAgreement)} of the patches`],
        ...(parity.error === undefined ? [] : [errorRow(parity.error)]),
        ['  differences', decades.map(([decade, count]) => `${count} ${decade}`).join(', ')],
        // The calibration is measured with the float32 file.
        ...(calibration === undefined || parity.error ? [] : temperatureRows(calibration)),
      ] as const;
      return rows.map(([label, text]) => `${label.padEnd(16)} ${text}`).join('\n');
    })
    .join('\n');
}

/** `patches 1.08 (calibration error 0.021 -> 0.009)`, and the same for photographs in a line of its own. */
function temperatureRows({ temperatures, ece }: NonNullable<ExportResult['calibration']>) {
  const text = (temperature: number, { before, after }: typeof ece.patches) =>
    `${significant(temperature)} (calibration error ${measure(before)} -> ${measure(after)})`;
  return [
    ['  temperature', `patches ${text(temperatures.patch, ece.patches)}`],
    ['', `photographs ${text(temperatures.photograph, ece.photographs)}`],
  ] as const;
}

type ReducedError = NonNullable<ExportResult['graphs'][number]['parity']['error']>;

function errorRow({ patches, before, after, allowed }: ReducedError): readonly [string, string] {
  const count = counted(patches, 'patch', 'patches');
  return ['  error', `${measure(before)} -> ${measure(after)} of ${count} (allowed +${allowed})`];
}

function short(value: number): string {
  return value.toExponential(1);
}

function note(sentence: string): void {
  terminalOn(process.stderr).line(`export: ${oneLine(sentence)}`);
}

await runIfMain(command, import.meta.url);
