/**
 * NAME.md, the model card: a page for the person who gets a model's files and for the one who decides whether
 * to deploy it (Mitchell et al., "Model Cards for Model Reporting", FAT* 2019). It has no line for what the
 * run does not know.
 */
import { noTemperatures } from '../model/calibration.ts';
import { count, fileSize, measure, moment, percent, points } from '../model/format.ts';
import { type ModelReport, modelDocs } from '../model/model-file.ts';
import { gridLimit } from '../model/patch.ts';
import type { Run } from '../model/run-file.ts';
import { topClasses } from '../model/scores.ts';
import type { Interval } from '../model/statistics/replicates.ts';
import { wilsonInterval } from '../model/statistics/wilson.ts';
import { chosenEpoch } from '../model/training-config.ts';
import { photographLogits } from '../model/validation-logits.ts';
import { counted, oneLine } from '../model/words.ts';
import { productVersion } from '../node/product-version.ts';
import { commandText } from '../node/shell.ts';
import { agreementText } from './export-check.ts';
import { taughtOriginSchema } from './taught-file.ts';
import type { TrainedModel } from './trained-run.ts';

/** The name of a model's card, which is in the folder of its ONNX files. */
export function cardFileName(name: string): string {
  return `${name}.md`;
}

/**
 * The card in Markdown; the same model has the same card. `known` of `trained` is that of the report's first
 * file, which the examples use.
 */
export function modelCard(trained: TrainedModel, report: ModelReport): string {
  const { name, labels, patchPx, known, run, reduction } = trained;
  const { temperatures = noTemperatures } = report.calibration ?? {};
  const hasKnownScore = known !== undefined;
  const { graph, values } = modelDocs(name, labels, { patchPx, hasKnownScore, temperatures });
  const { variant, parameters, multiplyAdds } = report.network;
  const file = report.graphs[0]?.file ?? '';
  return `# Model card: ${code(name)}

Classifies photographs of surfaces into [${counted(labels.length, 'class', 'classes')}](#classes) by their texture.

## Results

${bullets(results(trained, report))}

## Limits

${bullets(limits(trained, report, commandText('evaluate', '--model', file, '--data', 'PHOTOS')))}

## How to use it

With Textura, in the folder of this page:

\`\`\`sh
${commandText('classify', '--model', file, 'photo.jpg')}
\`\`\`

In Python, with \`pip install onnxruntime pillow\`:

\`\`\`python
import json

import numpy as np
import onnxruntime
from PIL import Image, ImageOps

session = onnxruntime.InferenceSession(${JSON.stringify(file)})
metadata = session.get_modelmeta().custom_metadata_map
labels = json.loads(metadata["textura.labels"])
temperature = float(metadata.get("textura.photoTemperature", 1))

px = ${patchPx}
photo = ImageOps.exif_transpose(Image.open("photo.jpg")).convert("L")
xs = np.linspace(0, photo.width - px, 5).round()
ys = np.linspace(0, photo.height - px, 3).round()
patches = [photo.resize((64, 64), Image.Resampling.BOX, (x, y, x + px, y + px)) for y in ys for x in xs]
image = np.stack(patches)[:, None].astype(np.float32)  # [15,1,64,64]

logits = session.run(["logits"], {"image": image})[0].mean(0)
p = np.exp((logits - logits.max()) / temperature)
p /= p.sum()
print(labels[p.argmax()], p.max())
\`\`\`

## Inputs and outputs

${graph}

${bullets([
  ...Object.entries(values).map(([value, text]) => `\`${value}\`: ${text}`),
  known && `\`textura.threshold\`: ${JSON.stringify(known.thresholds)}`,
])}

## Training

${bullets([
  `Network: ${code(variant)}, ${counted(parameters, 'parameter')}, ${count(multiplyAdds)} multiply-adds per patch`,
  reduction &&
    `Numbers: ${reduction.precision === 'int8' ? '8-bit integers' : 'float16'} in the convolutions between the first and the last, float32 in all other layers; trained in float32`,
  ...(run === undefined ? taughtTraining(trained) : runTraining(trained, run)),
])}

## Files

The export ran each file and compared it with the engine that trained the network.

${bullets([
  ...report.graphs.map(
    ({ file, bytes, opset, sha256, parity }) =>
      `${code(file)}: ${fileSize(bytes)}, opset ${opset}, SHA-256 \`${sha256}\`. On ${counted(parity.patches, 'patch', 'patches')}, its probabilities in ${code(parity.runtime)} differ from those of ${code(parity.against)} by at most ${parity.probabilities.maxAbsolute.toExponential(1)}${parity.error ? '' : ` (allowed ${parity.tolerance})`}; the top class is the same for ${agreementText(parity.argmaxAgreement)}.`,
  ),
  report.graphs.some(({ kind }) => kind === 'throughput') &&
    `The throughput file is for large batches in onnxruntime on a CPU${known ? ', and has no `known_score`' : ''}.`,
])}

## Classes

In the order of the outputs, from 0.${hasMistakes(trained) ? ' The mistakes are those on the validation photographs.' : ''}

${classItems(trained).join('\n')}

Textura ${productVersion()} wrote this page when it exported the model.
`;
}

function bullets(lines: readonly (string | false | undefined)[]): string {
  const items = lines.filter((line) => line !== false && line !== undefined);
  return items.map((line) => `- ${line}`).join('\n');
}

/** A text from outside as a code span, which only as many backticks as are around it can end. */
function code(text: string): string {
  const shown = oneLine(text);
  const inside = shown.match(/`+/g) ?? [];
  const fence = '`'.repeat(1 + Math.max(0, ...inside.map(({ length }) => length)));
  // Markdown removes one space from each end.
  const space = /^[ `]|[ `]$/.test(shown) ? ' ' : '';
  return `${fence}${space}${shown}${space}${fence}`;
}

/** The last part of a path: the others are of the machine that trained. */
function lastPart(path: string): string {
  return code(path.split(/[/\\]/).findLast((part) => part !== '') ?? path);
}

function results(trained: TrainedModel, { calibration, graphs }: ModelReport) {
  const { error } = graphs[0]?.parity ?? {};
  if (error !== undefined) {
    return [
      `Of ${counted(error.patches, 'validation patch', 'validation patches')} it misclassifies ${percent(error.after)}, and the same model in float32 ${percent(error.before)}. The card of that model has the errors on all validation photographs.`,
    ];
  }
  const { run, origin, best, top1err, top1errInterval } = trained;
  const { validationImages = 0, choosingImages = 0 } = run?.data ?? {};
  const { ece, photographs = validationImages - choosingImages } = calibration ?? {};
  const { heldOut } = taughtOriginSchema.safeParse(origin).data ?? {};
  if (top1err === undefined || (run !== undefined && photographs === 0))
    return ['The error on photographs that it was not trained on is unknown.'];
  const { photographTop1err: share, balancedTop1err } = best ?? {};
  const wrong = share === undefined ? undefined : Math.round(share * photographs);
  const within = ({ low, high }: Interval) => ` (95 % interval ${points(low)} to ${percent(high)})`;
  const calibrated = (unit: string, { before, after }: { readonly before: number; readonly after: number }) =>
    `${measure(after)} of ${unit} (${measure(before)} without the calibration)`;
  return [
    run?.data.source === 'generated' &&
      '**The photographs are textures that Textura generated: the errors say nothing about real surfaces.**',
    heldOut &&
      `Measured on ${counted(heldOut.count, 'patch', 'patches')} that it was not trained on. The interval is too short if several are of one picture.`,
    run && `Measured on ${counted(photographs, 'validation photograph')}. ${choiceOfEpoch(run)}`,
    wrong !== undefined &&
      `Error of photographs, each classified by at most ${gridLimit} patches: ${percent(wrong / photographs)}${within(wilsonInterval(wrong, photographs))}`,
    `Error of single patches: ${percent(top1err)}${top1errInterval ? within(top1errInterval) : ''}`,
    balancedTop1err !== undefined &&
      `Error of single patches if all classes count the same: ${percent(balancedTop1err)}`,
    ece &&
      `Calibration error, the mean difference between the probability of a prediction and the share that is right: ${calibrated('photographs', ece.photographs)}, ${calibrated('single patches', ece.patches)}. The calibration is fitted to the same photographs.`,
  ];
}

/** Whether the photographs of the results also chose the epoch. */
function choiceOfEpoch({ config, data }: Run): string {
  if (chosenEpoch(config) === 'last epoch')
    return `They are fold ${config.fold} of ${config.folds} and did not choose the epoch.`;
  return data.choosingImages === undefined
    ? 'They also chose the epoch, so the errors are probably a little too low.'
    : `${counted(data.choosingImages, 'other photograph')} chose the epoch.`;
}

function limits({ run, known, patchPx }: TrainedModel, { calibration }: ModelReport, evaluation: string) {
  return [
    run !== undefined &&
      run.status !== 'finished' &&
      `The run did not finish (${run.status}): this is its best epoch until then.`,
    'The answer is always one of the listed classes, also for a surface that is none of them.',
    known
      ? '`classify` reports a photograph as unknown if it looks less like a class than 95 % of the validation photographs. So about one photograph in 20 of the listed classes is reported as unknown too, and a surface that resembles a class can pass as known.'
      : 'It cannot tell that a surface is unknown to it.',
    'It reads grey levels: surfaces that differ only in colour are the same to it.',
    `It reads squares of ${patchPx}x${patchPx} pixels, which the surface should fill: it is not for objects or scenes.`,
    `Another camera, distance, light or focus can change the error by more than the intervals say. Before you rely on the model, measure it on your own photographs, in a folder for each class: ${code(evaluation)}`,
    calibration
      ? 'Its probabilities are calibrated on the validation photographs. For photographs of another kind they can be too high.'
      : 'Its probabilities are not calibrated: of predictions with 90 %, fewer than nine in ten may be right.',
    'Do not let it decide alone where a wrong answer does harm.',
  ];
}

function taughtTraining({ origin }: TrainedModel) {
  const { base, depth, trainingPatches } = taughtOriginSchema.safeParse(origin).data ?? {};
  return [
    "Trained in the Teach view of Textura's page",
    base !== undefined && `Start: the model ${code(base)}`,
    depth && `Trained layers: ${depth === 'all' ? 'all' : 'the last one'}`,
    trainingPatches !== undefined && `Data: ${counted(trainingPatches, 'patch', 'patches')} to train`,
  ];
}

function runTraining({ origin }: TrainedModel, { config, data, init, best, ...run }: Run) {
  const source = data.source === 'generated' ? 'generated textures' : lastPart(data.source);
  const groups = data.groups === undefined ? '' : `, ${counted(data.groups, 'group')} kept together`;
  return [
    `Run: ${code(String(origin.name))}, started ${moment(run.startedAt)}, with Textura ${code(run.textura)}`,
    `Data: ${source}, ${counted(data.trainImages, 'photograph')} to train and ${count(data.validationImages)} to validate, split by photograph${groups}`,
    `Start: ${init ? `the parameters of ${lastPart(init.source)}, SHA-256 \`${init.sha256}\`` : 'random values'}`,
    `Settings: ${counted(config.epochs, 'epoch')} of ${counted(config.patchesPerEpoch, 'patch', 'patches')}, batches of ${count(config.batch)}, augmentation \`${config.augment}\`, learning rate ${config.learningRate} (${config.schedule}), seed ${config.seed}`,
    best && `Exported: epoch ${best.epoch}, the ${chosenEpoch(config)}`,
  ];
}

/** The validation is that of the network in float32. */
function hasMistakes({ validation, reduction }: TrainedModel): boolean {
  return validation !== undefined && reduction === undefined;
}

/** A numbered list: it stays readable with many classes, and has no cells that a label could end. */
function classItems(trained: TrainedModel): readonly string[] {
  const { labels, validation } = trained;
  const photographs = validation && hasMistakes(trained) ? photographLogits(validation) : undefined;
  const results = Array.from(photographs?.labels ?? [], (label, i) => {
    const row = photographs?.logits.subarray(i * labels.length, (i + 1) * labels.length) ?? [];
    return { label, isWrong: topClasses(row, 1)[0] !== label };
  });
  return labels.map((label, i) => {
    const own = results.filter((result) => result.label === i);
    const wrong = own.filter(({ isWrong }) => isWrong).length;
    const measured = own.length === 0 ? 'not measured' : `${count(wrong)} of ${count(own.length)} wrong`;
    const mistakes = photographs === undefined ? '' : `: ${measured}`;
    return `${i}. ${code(label)}${mistakes}`;
  });
}
