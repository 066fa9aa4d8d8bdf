/** The reading of the square: the patch, the likeliest classes with steady numbers, and where the time goes. */
import { meanRow, softmaxRows } from '../../../model/scores.ts';
import type { LoadedModel } from '../../shared/inference-api.ts';
import { superseded } from '../../shared/run-queue.ts';
import { choice } from '../dom/choice.ts';
import { element } from '../dom/element.ts';
import type { ModelState } from '../inference/inference.ts';
import { formatPercent, labelled, language, said, say, type TextKey, textOf } from '../language/language.ts';
import { paintPatch } from '../stage/capture.ts';
import type { View, ViewSetting } from '../view.ts';
import { announcer } from './announcer.ts';
import { classBars } from './bars.ts';
import { followed, steadyOrder } from './steady.ts';
import { timeTable } from './time-table.ts';

const shownClasses = 5;

interface Reading {
  readonly model: LoadedModel;
  readonly probabilities: Float32Array;
  /** Classes from the likeliest down. */
  readonly order: readonly number[];
  /** Patches that were averaged. */
  readonly count: number;
  readonly at: number;
}

export function liveView({ inference, stage, reader, requestReading, shown }: ViewSetting): View {
  const patch = element('canvas', {
    class: 'patch finding',
    width: 64,
    height: 64,
    role: 'img',
    ...labelled('live.patch'),
  });
  const specimen = specimenLabel();
  const bars = classBars(shownClasses);
  const times = timeTable();
  const scopes = { square: 'live.square', whole: 'live.whole' } as const;
  const scope = choice<keyof typeof scopes>('scope', 'live.scope', scopes, 'square', requestReading);
  let reading: Reading | undefined;

  const patchFigure = element(
    'figure',
    { class: 'specimen-patch' },
    element('div', { class: 'patch-place' }, patch),
    said('figcaption', 'live.patch'),
  );

  const draw = () => {
    patchFigure.hidden = inference.model.get().status === 'failed';
    stage.caption(specimen.show(reading, inference.model.get().status));
    bars.show(
      (reading?.order ?? []).map((c) => ({
        label: reading?.model.labels[c] ?? '',
        probability: reading?.probabilities[c] ?? 0,
      })),
    );
  };
  language.watch(draw);

  /** The patches to read now, and the patch of the square to show. */
  function capture(patchPx: number) {
    const picture = stage.picture.get();
    if (picture === undefined) return undefined;
    const { width, height, element: source, kind } = picture;
    const square = reader.square(source, stage.square.get());
    const taken = scope.get() === 'whole' ? reader.whole(source, { width, height }, patchPx) : square;
    return { ...taken, picture, patch: square.patches, isFrame: kind === 'camera' };
  }

  async function read(): Promise<void> {
    const state = inference.model.get();
    if (state.status !== 'ready') return;
    const { model } = state;
    const taken = capture(model.patchPx);
    if (taken === undefined) return;
    const answer = await inference.call('classify', { model: model.name, patches: taken.patches });
    if (answer === superseded || inference.model.get() !== state) return;
    const classes = model.labels.length;
    const fresh = softmaxRows(meanRow(answer.logits, classes), classes);
    const goesOn = taken.isFrame && reading?.model === model && reading.count === taken.count;
    reading = nextReading(goesOn ? reading : undefined, { model, probabilities: fresh, ...taken });
    paintPatch(patch, taken.patch);
    times.show({ ...taken, inferMs: answer.inferMs });
    draw();
    shown(taken.picture);
  }

  return {
    root: element(
      'section',
      { class: 'view live', 'aria-labelledby': 'live-heading' },
      said('h2', 'live.heading', { id: 'live-heading' }),
      element('div', { class: 'specimen' }, patchFigure, specimen.root),
      scope.root,
      said('h3', 'live.bars', { class: 'unseen' }),
      bars.root,
      said('h3', 'time.heading', { class: 'unseen' }),
      times.root,
    ),
    read,
    reset() {
      reading = undefined;
      times.reset();
      draw();
    },
    leave: () => stage.caption(''),
  };
}

/** What is shown after a new answer: of a moving picture it follows, of a still one it is the answer. */
function nextReading(
  before: Reading | undefined,
  { model, probabilities, count }: Omit<Reading, 'order' | 'at'>,
): Reading {
  const at = performance.now();
  const steady =
    before === undefined ? probabilities : followed(before.probabilities, probabilities, at - before.at);
  const order = steadyOrder(before?.order ?? [], steady, shownClasses);
  return { model, probabilities: steady, order, count, at };
}

/** What stands in the place of a reading. */
const withoutReading: Readonly<Record<ModelState['status'], TextKey>> = {
  loading: 'live.loading',
  ready: 'live.waiting',
  failed: 'live.unusable',
};

/** The label of the specimen: the likeliest class in large letters, or that it is none of the model's. */
function specimenLabel() {
  const name = element('p', { class: 'specimen-name', id: 'top-class' });
  const value = element('p', { class: 'specimen-value figure', id: 'top-probability' });
  const remark = element('p', { class: 'specimen-remark' });
  const speaker = announcer();
  const root = element('div', { class: 'specimen-label' }, name, value, remark, speaker.root);

  /** Gives the same in short, for the picture. */
  function show(reading: Reading | undefined, model: ModelState['status']): string {
    root.classList.toggle('finding', reading !== undefined);
    name.classList.toggle('without', reading === undefined);
    if (reading === undefined) {
      say(name, withoutReading[model]);
      name.classList.remove('unknown');
      speaker.forget();
      value.textContent = '';
      remark.textContent = '';
      return '';
    }
    const { probabilities, order, count } = reading;
    const [top = 0] = order;
    const probability = probabilities[top] ?? 0;
    const { threshold = 0, labels } = reading.model;
    const isKnown = probability >= threshold;
    name.textContent = isKnown ? (labels[top] ?? '') : textOf('live.none');
    name.classList.toggle('unknown', !isKnown);
    value.textContent = formatPercent(probability);
    remark.textContent = remarkOf(isKnown, probability, threshold, count);
    const short = `${name.textContent} ${value.textContent}`;
    speaker.tell(name.textContent, short);
    return short;
  }
  return { root, show };
}

function remarkOf(isKnown: boolean, probability: number, threshold: number, count: number): string {
  if (!isKnown) {
    return textOf('live.noneWhy', {
      probability: formatPercent(probability),
      threshold: formatPercent(threshold),
    });
  }
  return count > 1 ? textOf('live.patches', { count }) : '';
}
