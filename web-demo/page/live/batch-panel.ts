/** Several pictures at once: each is classified as a whole, and the results are a table that can be saved. */
import { csvText } from '../../../model/csv.ts';
import { holdsPatch } from '../../../model/patch.ts';
import { type PictureOutcome, pictureColumns, pictureFields } from '../../../model/picture-table.ts';
import { topClasses } from '../../../model/scores.ts';
import { pageFaultOf } from '../../shared/faults.ts';
import type { LoadedModel } from '../../shared/inference-api.ts';
import { superseded } from '../../shared/run-queue.ts';
import { element } from '../dom/element.ts';
import { download, isUnreadable } from '../dom/files.ts';
import { faultText, formatPercent, language, setText, textElement, textOf } from '../language/language.ts';
import { decodePicture, PictureError } from '../source/picture-file.ts';
import type { ViewContext } from '../view.ts';
import { type AnswerScores, scoresOf } from './scores.ts';

/** What was found in one picture; a function gives the reason in the current language if there is nothing. */
type Found = (AnswerScores & { readonly top: number; readonly patches: number }) | (() => string);

interface PictureBatch {
  readonly model: LoadedModel;
  readonly files: readonly File[];
  readonly found: Found[];
}

const pauseMs = 50;
const pause = () => new Promise((resolve) => setTimeout(resolve, pauseMs));

export function batchPanel({ inference, reader, showPicture }: ViewContext) {
  const heading = element('h3', { id: 'batch-heading' });
  const progress = element('p', { class: 'note', role: 'status' });
  const rows = element('tbody', {});
  const csv = textElement('button', 'batch.csv');
  const stop = textElement('button', 'page.stop');
  const close = textElement('button', 'batch.close', { class: 'quiet' });
  const columns = (['batch.file', 'page.prediction', 'page.probability'] as const).map((key) =>
    textElement('th', key, { scope: 'col' }),
  );
  const table = element(
    'table',
    { class: 'batch-table', 'aria-labelledby': heading.id },
    element('thead', {}, element('tr', {}, ...columns)),
    rows,
  );
  const root = element(
    'section',
    { class: 'batch', hidden: true, 'aria-labelledby': heading.id },
    heading,
    progress,
    table,
    element('div', { class: 'result-actions' }, csv, stop, close),
  );
  let batch: PictureBatch | undefined;
  /** Counts up with each run: an older one stops. */
  let runs = 0;

  function draw(): void {
    if (batch === undefined) return;
    const { files, found, model } = batch;
    rows.replaceChildren(...files.map((file, i) => rowOf(file, found[i], model)));
    drawProgress(batch);
  }

  function drawProgress({ files, found, model }: PictureBatch): void {
    const values = { count: files.length, model: model.name, done: found.length };
    setText(heading, 'batch.heading', values);
    const isDone = found.length === files.length;
    setText(progress, isDone ? 'batch.done' : 'batch.progress', values);
    stop.hidden = isDone;
    csv.disabled = found.length === 0;
  }

  function rowOf(file: File, found: Found | undefined, model: LoadedModel): HTMLElement {
    const open = element('button', { class: 'link' }, file.name);
    open.addEventListener('click', () => showPicture(file));
    const name = element('th', { scope: 'row' }, open);
    if (found === undefined)
      return element('tr', {}, name, element('td', { colspan: 2, class: 'note' }, '…'));
    if (typeof found === 'function')
      return element('tr', {}, name, element('td', { colspan: 2, class: 'note' }, found()));
    const { top, probabilities, margin } = found;
    const label = model.labels[top] ?? '';
    if (margin !== undefined && margin < 0)
      return element(
        'tr',
        {},
        name,
        element('td', { colspan: 2, class: 'top' }, textOf('batch.none', { label })),
      );
    return element(
      'tr',
      {},
      name,
      element('td', { class: 'top' }, label),
      element('td', { class: 'figure' }, formatPercent(probabilities[top] ?? 0, 1)),
    );
  }

  async function classify(files: readonly File[]): Promise<void> {
    const run = ++runs;
    while (inference.model.get().status === 'loading') await pause();
    const state = inference.model.get();
    if (state.status !== 'ready' || run !== runs) return;
    const { model } = state;
    const found: Found[] = [];
    batch = { model, files, found };
    draw();
    root.hidden = false;
    root.scrollIntoView();
    for (const file of files) {
      const next = await find(file, model, () => run === runs);
      if (run !== runs) return;
      // Another model was chosen, which classifies all pictures.
      if (next === undefined) return classify(files);
      rows.children[found.length]?.replaceWith(rowOf(file, next, model));
      found.push(next);
      drawProgress(batch);
    }
  }

  /** Undefined if the run was stopped, or another model was chosen. */
  async function find(file: File, model: LoadedModel, isCurrent: () => boolean): Promise<Found | undefined> {
    try {
      const { canvas } = await decodePicture(file);
      const { width, height } = canvas;
      const { patchPx, name } = model;
      if (!holdsPatch({ width, height }, patchPx))
        return () => textOf('picture.too-small', { width, height, least: patchPx });
      const { patches, count } = reader.whole(canvas, { width, height }, patchPx);
      while (isCurrent()) {
        const state = inference.model.get();
        if (state.status === 'failed') return () => faultText(state.fault);
        if (state.status === 'ready' && state.model.name !== name) return undefined;
        const answer = await inference.call('classifyPicture', { model: name, patches });
        if (answer !== superseded) {
          const scores = scoresOf(answer, model);
          return { ...scores, top: topClasses(scores.probabilities, 1)[0] ?? 0, patches: count };
        }
        await pause();
      }
      return undefined;
    } catch (error) {
      if (error instanceof PictureError) return () => textOf(`picture.${error.fault}`, error.values);
      if (isUnreadable(error)) return () => textOf('file.unreadable');
      reportError(error);
      return () => faultText(pageFaultOf(error));
    }
  }

  stop.addEventListener('click', () => {
    runs++;
    if (batch !== undefined) batch = { ...batch, files: batch.files.slice(0, batch.found.length) };
    draw();
  });
  close.addEventListener('click', () => {
    runs++;
    batch = undefined;
    root.hidden = true;
  });
  csv.addEventListener('click', () => {
    if (batch !== undefined) download(csvOf(batch), 'textura-results.csv', 'text/csv');
  });
  language.subscribe(draw);
  return {
    root,
    classify(files: readonly File[]) {
      root.hidden = true;
      void classify(files);
    },
  };
}

function csvOf({ model, files, found }: PictureBatch): string {
  const rows = found.map((result, i) =>
    pictureFields(files[i]?.name ?? '', outcomeOf(result, model), model.name),
  );
  return csvText([pictureColumns, ...rows]);
}

function outcomeOf(result: Found, { labels }: LoadedModel): PictureOutcome {
  if (typeof result === 'function') return { skipped: result() };
  const { probabilities, margin, patches } = result;
  const [first = 0, second = 0] = topClasses(probabilities, 2);
  const predictionOf = (c: number) => ({ label: labels[c] ?? '', probability: probabilities[c] ?? 0 });
  return { predictions: [predictionOf(first), predictionOf(second)], knownMargin: margin, patches };
}
