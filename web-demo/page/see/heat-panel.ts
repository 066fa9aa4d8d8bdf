/** The heat map of the See view: computes it, and shows its controls and legend. */
import { topClasses } from '../../../model/scores.ts';
import type { HeatMap, LoadedModel } from '../../shared/inference-api.ts';
import { superseded } from '../../shared/run-queue.ts';
import { element } from '../dom/element.ts';
import { coloursOf } from '../inference/model-list.ts';
import { formatNumber, formatPercent, language, setText, textElement, textOf } from '../language/language.ts';
import { scoresOf } from '../live/scores.ts';
import type { Picture } from '../stage/stage.ts';
import type { ViewContext } from '../view.ts';
import {
  type ClassColours,
  classColours,
  clearOverlay,
  contourAt,
  drawHeat,
  veilColour,
} from './heat-drawing.ts';
import { likeliestClasses, listedShares, nearestPosition, scaledPicture, slidingSidePx } from './heat-map.ts';
import { legendRow } from './legend.ts';
import { savePicture } from './save-picture.ts';

/** The legend lists the classes with the largest shares, and the class of the square. */
const legendRows = 11;

interface ShownMap {
  readonly model: LoadedModel;
  readonly picture: Picture;
  readonly map: HeatMap;
  readonly width: number;
  readonly height: number;
  readonly sidePx: number;
  readonly likeliest: Uint16Array;
  /** The class of the square: in the map, and classified as a patch. */
  readonly atSquare: number;
  readonly prediction: number;
}

interface ReadRequest {
  readonly model: LoadedModel;
  readonly picture: Picture;
  readonly isCurrent: () => boolean;
}

interface HeatPanel {
  readonly root: HTMLElement;
  /** Says that a map is being computed, if none of this picture is shown; `settle` ends that. */
  expect(picture: Picture): void;
  settle(): void;
  read(reading: ReadRequest): Promise<void>;
  reset(model: LoadedModel | undefined): void;
  leave(): void;
}

export function heatPanel({ inference, models, stage, reader, markShown }: ViewContext): HeatPanel {
  const classSelect = element('select', { id: 'heat-class' });
  const strength = element('input', {
    type: 'range',
    id: 'heat-strength',
    min: 0,
    max: 1,
    step: 0.05,
    value: 0.6,
  });
  const legend = element('ul', { class: 'legend result' });
  const save = textElement('button', 'see.save', { disabled: true });
  const computing = textElement('p', 'see.computing', { class: 'note', role: 'status', hidden: true });
  const stats = element('p', { class: 'note figure result', id: 'heat-stats' });
  const difference = element('p', { class: 'note result' });
  let shown: ShownMap | undefined;
  let colourOf = classColours();

  const chosen = () => (classSelect.value === '' ? undefined : Number(classSelect.value));
  const draw = () => {
    if (shown === undefined) return;
    // The legend first, so that the largest classes get the first colours.
    const one = chosen();
    legend.replaceChildren(...(one === undefined ? legendOf(shown, colourOf) : oneClassLegend(shown, one)));
    const letters = Math.max(...shown.model.labels.map(({ length }) => length));
    legend.style.setProperty('--letters', String(letters));
    save.disabled = false;
    drawHeat(stage.overlay, { ...shown, shownClass: one, strength: Number(strength.value), colourOf });
    const { map, model, sidePx } = shown;
    setText(stats, 'see.stats', {
      columns: map.columns,
      rows: map.rows,
      stride: formatNumber((map.stridePx * sidePx) / map.fieldPx),
      ms: formatNumber(map.inferMs),
    });
    const { atSquare, prediction } = shown;
    difference.hidden = atSquare === prediction;
    setText(difference, 'see.difference', {
      map: labelOf(model, atSquare),
      result: labelOf(model, prediction),
    });
  };
  const listClasses = (labels: readonly string[]) => {
    const before = classSelect.value;
    classSelect.replaceChildren(
      element('option', { value: '' }, textOf('see.all')),
      ...labels.map((label, i) => element('option', { value: i, selected: String(i) === before }, label)),
    );
  };
  classSelect.addEventListener('change', draw);
  strength.addEventListener('input', draw);
  save.addEventListener('click', () => {
    if (shown === undefined) return;
    const { model, picture } = shown;
    const one = chosen();
    const entries = shownShares(shown).listed.map(({ index, share }) => ({
      colour: colourOf(index),
      label: labelOf(model, index),
      share,
    }));
    const title = one === undefined ? textOf('see.all') : (model.labels[one] ?? '');
    savePicture({
      picture,
      overlay: stage.overlay,
      square: stage.square.get(),
      title: `${model.name}: ${title}`,
      legend: one === undefined ? entries : [],
    });
  });
  language.subscribe(() => {
    listClasses(shown?.model.labels ?? []);
    draw();
  });

  /** Computes and shows the map; false if it is not wanted any more. */
  async function slide(
    { model, picture, isCurrent }: ReadRequest,
    sidePx: number,
    isCoarse: boolean,
  ): Promise<boolean> {
    const { width, height, element: source } = picture;
    const square = stage.square.get();
    const grey = scaledPicture(reader.grey(source, 0, 0, width, height), sidePx);
    const patch = reader.square(source, square).patches;
    const map = await inference.call('heatMap', { model: model.name, grey, isCoarse });
    const prediction = await readSquare(model, patch);
    if (map === superseded || prediction === undefined || !isCurrent()) return false;
    const size = { width: grey.width, height: grey.height };
    const likeliest = likeliestClasses(map);
    shown = {
      model,
      picture,
      map,
      ...size,
      sidePx,
      likeliest,
      atSquare: classAt(map, likeliest, sidePx),
      prediction,
    };
    computing.hidden = true;
    draw();
    markShown(picture);
    return true;
  }

  function classAt(map: HeatMap, likeliest: Uint16Array, sidePx: number): number {
    const { x, y } = stage.square.get();
    const scale = map.fieldPx / sidePx;
    return likeliest[nearestPosition(map, x * scale, y * scale)] ?? 0;
  }

  async function readSquare(model: LoadedModel, patches: Uint8Array): Promise<number | undefined> {
    const answer = await inference.call('classify', { model: model.name, patches });
    if (answer === superseded) return undefined;
    const { probabilities, margin = 0 } = scoresOf(answer, model);
    return margin < 0 ? model.labels.length : topClasses(probabilities, 1)[0];
  }

  /** A camera gets a coarse map of each frame; a still picture first a coarse one, then a fine one. */
  async function read(reading: ReadRequest): Promise<void> {
    const { model, picture, isCurrent } = reading;
    const sidePx = slidingSidePx(picture, stage.square.get().sidePx);
    const isSame = shown?.picture === picture && shown.sidePx === sidePx && shown.model === model;
    if (picture.kind === 'still' && isSame && shown !== undefined) {
      // Only the square has moved: the map is still valid.
      const prediction = await readSquare(model, reader.square(picture.element, stage.square.get()).patches);
      if (prediction === undefined || !isCurrent()) return;
      shown = { ...shown, prediction, atSquare: classAt(shown.map, shown.likeliest, sidePx) };
      draw();
      markShown(picture);
      return;
    }
    const isShown = await slide(reading, sidePx, true);
    if (isShown && picture.kind === 'still') await slide(reading, sidePx, false);
  }

  return {
    root: element(
      'section',
      { class: 'heat', 'aria-labelledby': 'heat-heading' },
      textElement('h3', 'see.map', { id: 'heat-heading' }),
      textElement('p', 'see.mapWhy', { class: 'note' }),
      element(
        'div',
        { class: 'fields' },
        element(
          'p',
          { class: 'field' },
          textElement('label', 'see.class', { for: classSelect.id }),
          classSelect,
        ),
        element('p', { class: 'field' }, textElement('label', 'see.opacity', { for: strength.id }), strength),
      ),
      computing,
      legend,
      element('div', { class: 'result-actions' }, save),
      stats,
      difference,
    ),
    expect({ element: source }) {
      computing.hidden = shown?.picture.element === source;
    },
    settle() {
      computing.hidden = true;
    },
    read,
    reset(model) {
      shown = undefined;
      colourOf = classColours(model?.labels.length, coloursOf(models.get(), model?.name ?? ''));
      clearOverlay(stage.overlay);
      legend.replaceChildren();
      save.disabled = true;
      stats.textContent = '';
      difference.hidden = true;
      listClasses(model?.labels ?? []);
    },
    leave: () => clearOverlay(stage.overlay),
  };
}

/** The index after the last class is that of places that show none of them. */
function labelOf({ labels }: LoadedModel, index: number): string {
  return labels[index] ?? textOf('live.none');
}

function shownShares({ likeliest, atSquare }: ShownMap) {
  return listedShares(likeliest, atSquare, legendRows);
}

/** The classes in their colours, and why the border has none. */
function legendOf(shown: ShownMap, colourOf: ClassColours): readonly HTMLElement[] {
  const { listed, others } = shownShares(shown);
  const othersText = textOf('see.others', { count: others.count });
  return [
    ...listed.map(({ index, share }) => {
      const label = labelOf(shown.model, index);
      return legendRow(colourOf(index), label, formatPercent(share), { 'data-class': label });
    }),
    ...(others.count === 0 ? [] : [legendRow('transparent', othersText, formatPercent(others.share))]),
    legendRow('transparent', textOf('see.border'), '', { class: 'legend-note' }),
  ];
}

/** What a map of one class shows. */
function oneClassLegend({ model, map }: ShownMap, index: number): readonly HTMLElement[] {
  const positions = map.rows * map.columns;
  const own = map.probabilities.subarray(index * positions, (index + 1) * positions);
  const label = model.labels[index] ?? '';
  const share = own.filter((probability) => probability >= contourAt).length / positions;
  return [
    legendRow('transparent', textOf('see.clear', { label }), formatPercent(share), {
      class: 'legend-clear',
      'data-class': label,
    }),
    legendRow(veilColour, textOf('see.veiled'), '', { class: 'legend-note' }),
    legendRow('transparent', textOf('see.border'), '', { class: 'legend-note' }),
  ];
}
