/** The result of a training in the Teach view: its error, and the buttons to try, download and delete it. */
import { strToU8, zipSync } from 'fflate';
import { inputPx } from '../../../model/patch.ts';
import { folderName, type Surface } from '../../shared/surfaces.ts';
import { type TaughtResult, taughtName } from '../../shared/teaching-api.ts';
import { element } from '../dom/element.ts';
import { formatNumber, formatPercent, setText, textElement, textOf } from '../language/language.ts';
import { greyPng } from './grey-png.ts';

interface TrainingResultActions {
  /** Surfaces whose patches can be downloaded. */
  readonly surfaces: () => readonly Surface[];
  readonly onTry: () => void;
  readonly onDeleteAll: () => void;
}

export function trainingResultPanel({ surfaces, onTry, onDeleteAll }: TrainingResultActions) {
  const error = element('p', { class: 'training-error', id: 'held-out' });
  const time = element('p', { class: 'note' });
  const tryIt = textElement('button', 'teach.try', { type: 'button', class: 'primary' });
  const onnx = textElement('button', 'teach.download', { type: 'button' });
  const patches = textElement('button', 'teach.patches', { type: 'button' });
  const deleteAll = textElement('button', 'teach.deleteAll', { type: 'button', class: 'quiet' });
  const note = textElement('p', 'teach.resultNote', { class: 'note' });
  const summary = element('div', {}, error, note, time);
  const buttons = element('div', { class: 'teach-actions' }, tryIt, onnx, patches, deleteAll);
  let shown: TaughtResult | undefined;

  function show(result: TaughtResult | undefined): void {
    shown = result;
    for (const part of [summary, tryIt, onnx]) part.hidden = result === undefined;
    if (result === undefined) return;
    const { heldOut, trainingPatches, seconds, base } = result;
    const { wrong, count } = heldOut;
    setText(error, 'teach.result', { wrong, count, error: formatPercent(wrong / count) });
    const trained = textOf('teach.time', { count: trainingPatches, seconds: formatNumber(seconds, 1) });
    time.textContent = `${trained} ${textOf('teach.base', { name: base })}`;
  }
  show(undefined);

  tryIt.addEventListener('click', onTry);
  deleteAll.addEventListener('click', onDeleteAll);
  onnx.addEventListener('click', () => {
    if (shown !== undefined) download(shown.model, `${taughtName}.onnx`, 'application/octet-stream');
  });
  // Without waiting for anything: a browser may refuse a second download some seconds after the click.
  patches.addEventListener('click', () => {
    const nonEmpty = surfaces().filter((surface) => surface.patches.length > 0);
    download(patchArchive(nonEmpty), 'textura-patches.zip', 'application/zip');
  });
  return {
    root: element('div', { class: 'training-result' }, summary, buttons),
    /** Shows a result in the current language; undefined hides it. */
    show,
  };
}

/** A zip of class folders with `NAME/0001.png`, 64x64 each, which `npm run train` takes. */
function patchArchive(surfaces: readonly Surface[]): Uint8Array {
  const files: Record<string, Uint8Array> = {};
  for (const { name, patches } of surfaces) {
    for (const [i, patch] of patches.entries()) {
      files[`${folderName(name) ?? name}/${String(i + 1).padStart(4, '0')}.png`] = greyPng(patch, inputPx);
    }
  }
  files['README.txt'] = strToU8(
    'Class folders of 64x64 patches. Unpack them, then run: npm run train -- --data FOLDER\n',
  );
  // Stored, because PNG is compressed already.
  return zipSync(files, { level: 0 });
}

const keepFileMs = 60_000;

/** Saves bytes as a file of the person. */
function download(bytes: Uint8Array, name: string, type: string): void {
  const address = URL.createObjectURL(new Blob([new Uint8Array(bytes)], { type }));
  element('a', { href: address, download: name }).click();
  // Some browsers read the file only after the click.
  setTimeout(() => URL.revokeObjectURL(address), keepFileMs);
}
