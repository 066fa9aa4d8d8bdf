/** The Live view: the patch of the square, its most likely classes, and the time of each step. */
import type { LoadedModel } from '../../shared/inference-api.ts';
import { superseded } from '../../shared/run-queue.ts';
import { choice } from '../dom/choice.ts';
import { dye } from '../dom/colours.ts';
import { element } from '../dom/element.ts';
import type { ModelState } from '../inference/inference.ts';
import { coloursOf } from '../inference/model-list.ts';
import {
  ariaLabel,
  formatPercent,
  language,
  setText,
  type TextKey,
  textElement,
  textOf,
} from '../language/language.ts';
import { paintPatch } from '../stage/capture.ts';
import type { View, ViewContext } from '../view.ts';
import { batchPanel } from './batch-panel.ts';
import { resultActions, type SharedReading } from './result-actions.ts';
import { type AnswerScores, scoresOf } from './scores.ts';
import { smoothed, stableOrder } from './smoothing.ts';
import { timeTable } from './time-table.ts';

const shownClasses = 5;

interface Reading extends AnswerScores {
  readonly model: LoadedModel;
  /** Classes by decreasing probability. */
  readonly order: readonly number[];
  /** Patches that were averaged. */
  readonly count: number;
  /** Of the whole picture, not of the square. */
  readonly isWhole: boolean;
  readonly at: number;
}

interface LiveView extends View {
  /** Classifies several pictures, each as a whole, and lists the results. */
  classifyAll(pictures: readonly File[]): void;
}

export function liveView(context: ViewContext): LiveView {
  const { inference, models, stage, reader, requestReading, markShown } = context;
  const patch = element('canvas', {
    class: 'patch result',
    width: 64,
    height: 64,
    role: 'img',
    ...ariaLabel('live.patch'),
  });
  const prediction = predictionLabel();
  const bars = classBars(shownClasses);
  const times = timeTable();
  const scopes = { square: 'live.square', whole: 'live.whole' } as const;
  const scope = choice<keyof typeof scopes>('scope', 'live.scope', scopes, 'square', () => {
    showScope();
    requestReading();
  });
  const showScope = () => stage.setWhole(scope.get() === 'whole');
  let reading: Reading | undefined;
  const batch = batchPanel(context);
  const actions = resultActions(() => reading && sharedReading(reading));

  /** The current result as a person would keep it. */
  function sharedReading({ model, probabilities, order, count, isWhole, margin }: Reading): SharedReading {
    const { width = 0, height = 0 } = stage.picture.get() ?? {};
    return {
      model: model.name,
      picture: { width, height },
      ...(isWhole ? {} : { square: stage.square.get() }),
      patches: count,
      ...(margin === undefined ? {} : { isKnown: margin >= 0 }),
      predictions: order.map((c) => ({
        label: model.labels[c] ?? '',
        probability: probabilities[c] ?? 0,
      })),
    };
  }

  const patchFigure = element(
    'figure',
    { class: 'prediction-patch' },
    element('div', { class: 'patch-place' }, patch),
    textElement('figcaption', 'live.patch'),
  );

  const draw = () => {
    actions.enable(reading !== undefined);
    const { status } = inference.model.get();
    // A result of the whole picture is not one of the square and its patch.
    const isWhole = reading?.isWhole ?? false;
    patchFigure.hidden = status === 'failed' || isWhole;
    bars.root.hidden = status === 'failed';
    const caption = prediction.show(reading, status);
    stage.caption(isWhole ? '' : caption);
    const colours = coloursOf(models.get(), reading?.model.name ?? '');
    bars.show(
      (reading?.order ?? []).map((c) => ({
        label: reading?.model.labels[c] ?? '',
        probability: reading?.probabilities[c] ?? 0,
        colour: colours?.[c],
      })),
    );
  };
  language.subscribe(draw);

  /** The patches to classify, and the patch of the square. */
  function capture(patchPx: number) {
    const picture = stage.picture.get();
    if (picture === undefined) return undefined;
    const { width, height, element: source, kind } = picture;
    const square = reader.square(source, stage.square.get());
    const isWhole = scope.get() === 'whole';
    const taken = isWhole ? reader.whole(source, { width, height }, patchPx) : square;
    return { ...taken, picture, patch: square.patches, isWhole, isFrame: kind === 'camera' };
  }

  async function read(isCurrent: () => boolean): Promise<void> {
    const state = inference.model.get();
    if (state.status !== 'ready') return;
    const { model } = state;
    const taken = capture(model.patchPx);
    if (taken === undefined) return;
    const answer = await inference.call('classify', { model: model.name, patches: taken.patches });
    if (answer === superseded || !isCurrent()) return;
    const isContinued = taken.isFrame && reading?.model === model && reading.isWhole === taken.isWhole;
    reading = nextReading(isContinued ? reading : undefined, {
      model,
      ...scoresOf(answer, model),
      ...taken,
    });
    paintPatch(patch, taken.patch);
    times.show({ ...taken, inferMs: answer.inferMs });
    draw();
    markShown(taken.picture);
  }

  return {
    root: element(
      'section',
      { class: 'view live', 'aria-labelledby': 'live-heading' },
      textElement('h2', 'live.heading', { id: 'live-heading' }),
      element('div', { class: 'prediction' }, patchFigure, prediction.root),
      scope.root,
      textElement('h3', 'live.bars', { class: 'visually-hidden' }),
      bars.root,
      actions.root,
      textElement('h3', 'time.heading', { class: 'visually-hidden' }),
      times.root,
      batch.root,
    ),
    read,
    classifyAll: batch.classify,
    reset() {
      reading = undefined;
      times.reset();
      showScope();
      draw();
    },
    leave() {
      stage.caption('');
      stage.setWhole(false);
    },
  };
}

/** The result to show after a new answer: smoothed for a camera, the answer itself for a still picture. */
function nextReading(
  before: Reading | undefined,
  { model, probabilities, count, isWhole, margin }: Omit<Reading, 'order' | 'at'>,
): Reading {
  const at = performance.now();
  const shown =
    before === undefined ? probabilities : smoothed(before.probabilities, probabilities, at - before.at);
  const order = stableOrder(before?.order ?? [], shown, shownClasses);
  const shownMargin =
    before?.margin === undefined || margin === undefined
      ? margin
      : smoothed(Float32Array.of(before.margin), Float32Array.of(margin), at - before.at)[0];
  return { model, probabilities: shown, order, count, isWhole, margin: shownMargin, at };
}

/** Shown if there is no result. */
const withoutReading: Readonly<Record<ModelState['status'], TextKey>> = {
  loading: 'live.loading',
  ready: 'live.waiting',
  failed: 'live.unusable',
};

/** The most likely class in large letters, or that it is none of the model's. */
function predictionLabel() {
  const name = element('p', { class: 'prediction-name', id: 'top-class' });
  const value = element('p', { class: 'prediction-value figure', id: 'top-probability' });
  const remark = element('p', { class: 'prediction-remark' });
  const announcements = announcer();
  const root = element('div', { class: 'prediction-label' }, name, value, remark, announcements.root);

  /** Returns a short form for the label on the picture. */
  function show(reading: Reading | undefined, model: ModelState['status']): string {
    root.classList.toggle('result', reading !== undefined);
    name.classList.toggle('without', reading === undefined);
    if (reading === undefined) {
      setText(name, withoutReading[model]);
      name.classList.remove('unknown');
      announcements.clear();
      value.textContent = '';
      remark.textContent = '';
      return '';
    }
    const { probabilities, order, count, margin = 0 } = reading;
    const [top = 0] = order;
    const label = reading.model.labels[top] ?? '';
    const isKnown = margin >= 0;
    name.textContent = isKnown ? label : textOf('live.none');
    name.classList.toggle('unknown', !isKnown);
    value.textContent = isKnown ? formatPercent(probabilities[top] ?? 0) : '';
    remark.textContent = remarkOf(isKnown, label, count);
    const short = `${name.textContent} ${value.textContent}`.trim();
    announcements.announce(name.textContent, short);
    return short;
  }
  return { root, show };
}

function remarkOf(isKnown: boolean, label: string, count: number): string {
  if (!isKnown) return textOf('live.noneWhy', { label });
  return count > 1 ? textOf('live.patches', { count }) : '';
}

interface ShownClass {
  readonly label: string;
  readonly probability: number;
  /** Index of the surface's colour, if it has one. */
  readonly colour: number | undefined;
}

/** The most likely classes as labelled bars. Their elements are reused from frame to frame. */
function classBars(rows: number) {
  const root = element('ol', { class: 'bars result' });
  const bars = Array.from({ length: rows }, () => {
    const label = element('span', { class: 'bar-label' });
    const value = element('span', { class: 'bar-value figure' });
    const fill = element('span', { class: 'bar-fill', 'aria-hidden': 'true' });
    const row = element('li', { class: 'bar', hidden: true }, label, value, fill);
    root.append(row);
    return { row, label, value, fill };
  });
  return {
    root,
    /** `classes` by decreasing probability. */
    show(classes: readonly ShownClass[]): void {
      root.classList.toggle('empty', classes.length === 0);
      bars.forEach(({ row, label, value, fill }, i) => {
        const shown = classes[i];
        row.hidden = shown === undefined;
        if (shown === undefined) return;
        if (label.textContent !== shown.label) label.textContent = shown.label;
        value.textContent = formatPercent(shown.probability);
        // All digits, for tests.
        row.dataset.probability = String(shown.probability);
        fill.style.setProperty('--share', String(shown.probability));
        if (shown.colour === undefined) fill.style.removeProperty('--dye');
        else fill.style.setProperty('--dye', dye(shown.colour));
      });
    },
  };
}

/** How long a class must stay the most likely one before it is announced. */
const announceAfterMs = 1200;

/** Announces results to screen readers, but not every frame. */
function announcer() {
  const root = element('p', { class: 'visually-hidden', role: 'status' });
  let announced: string | undefined;
  let waiting: { readonly subject: string; readonly timer: number } | undefined;
  let latest = '';
  return {
    root,
    /** `subject` must stay the same; `text` is announced, with the latest numbers. */
    announce(subject: string, text: string): void {
      latest = text;
      if (subject === announced || subject === waiting?.subject) return;
      clearTimeout(waiting?.timer);
      const timer = window.setTimeout(() => {
        announced = subject;
        waiting = undefined;
        root.textContent = latest;
      }, announceAfterMs);
      waiting = { subject, timer };
    },
    clear(): void {
      clearTimeout(waiting?.timer);
      waiting = undefined;
      announced = undefined;
      root.textContent = '';
    },
  };
}
