/** The heat map's controls and its legend. */
import { softmaxRows, topClasses } from '../../../model/scores.ts';
import type { HeatMap, LoadedModel } from '../../shared/inference-api.ts';
import { superseded } from '../../shared/run-queue.ts';
import { element } from '../dom/element.ts';
import { formatNumber, formatPercent, language, said, say, textOf } from '../language/language.ts';
import type { Picture } from '../stage/stage.ts';
import type { ViewSetting } from '../view.ts';
import { classShares, likeliestClasses, nearestPlace } from './class-shares.ts';
import { type ClassColours, classColours, clearOverlay, drawHeat } from './heat-overlay.ts';
import { scaledPicture, slidingSidePx } from './scaled-picture.ts';

/** Classes in the legend: those that are likeliest at the most places. */
const legendRows = 8;

interface Seen {
  readonly model: LoadedModel;
  readonly picture: Picture;
  readonly map: HeatMap;
  readonly width: number;
  readonly height: number;
  readonly sidePx: number;
  readonly likeliest: Uint16Array;
  /** Classes that the map and the reading of the square name. */
  readonly atSquare: number;
  readonly reading: number;
}

export interface HeatPanel {
  readonly root: HTMLElement;
  read(model: LoadedModel, picture: Picture): Promise<void>;
  reset(model: LoadedModel | undefined): void;
  leave(): void;
}

export function heatPanel({ inference, stage, reader, shown: tellShown }: ViewSetting): HeatPanel {
  const shown = element('select', { id: 'heat-class' });
  const strength = element('input', {
    type: 'range',
    id: 'heat-strength',
    min: 0,
    max: 1,
    step: 0.05,
    value: 0.6,
  });
  const legend = element('ul', { class: 'legend finding' });
  const stats = element('p', { class: 'note figure finding', id: 'heat-stats' });
  const honest = element('p', { class: 'note finding' });
  let seen: Seen | undefined;
  let colourOf = classColours();

  const chosen = () => (shown.value === '' ? undefined : Number(shown.value));
  const draw = () => {
    if (seen === undefined) return;
    // The legend first: it asks for the colours of the largest parts.
    legend.replaceChildren(...legendOf(seen, colourOf));
    drawHeat(stage.overlay, { ...seen, shown: chosen(), strength: Number(strength.value), colourOf });
    const { map, model, sidePx } = seen;
    say(stats, 'see.stats', {
      columns: formatNumber(map.columns),
      rows: formatNumber(map.rows),
      stride: formatNumber((map.stridePx * sidePx) / map.fieldPx),
      ms: formatNumber(map.inferMs),
    });
    const label = (index: number) => model.labels[index] ?? '';
    say(honest, 'see.difference', { map: label(seen.atSquare), result: label(seen.reading) });
  };
  const listClasses = (labels: readonly string[]) => {
    const before = shown.value;
    shown.replaceChildren(
      element('option', { value: '' }, textOf('see.all')),
      ...labels.map((label, i) => element('option', { value: i, selected: String(i) === before }, label)),
    );
  };
  shown.addEventListener('change', draw);
  strength.addEventListener('input', draw);
  language.watch(() => {
    listClasses(seen?.model.labels ?? []);
    draw();
  });

  /** Slides over the picture and shows where each class is; false where a newer request took its place. */
  async function slide(
    model: LoadedModel,
    picture: Picture,
    sidePx: number,
    isCoarse: boolean,
  ): Promise<boolean> {
    const { width, height, element: source } = picture;
    const square = stage.square.get();
    const grey = scaledPicture(reader.grey(source, 0, 0, width, height), sidePx);
    const patch = reader.square(source, square).patches;
    const map = await inference.call('heatMap', { model: model.name, grey, isCoarse });
    const reading = await readSquare(model, patch);
    if (map === superseded || reading === undefined) return false;
    const size = { width: grey.width, height: grey.height };
    const likeliest = likeliestClasses(map);
    seen = {
      model,
      picture,
      map,
      ...size,
      sidePx,
      likeliest,
      atSquare: classAt(map, likeliest, sidePx),
      reading,
    };
    draw();
    tellShown(picture);
    return true;
  }

  function classAt(map: HeatMap, likeliest: Uint16Array, sidePx: number): number {
    const { x, y } = stage.square.get();
    const scale = map.fieldPx / sidePx;
    return likeliest[nearestPlace(map, x * scale, y * scale)] ?? 0;
  }

  async function readSquare(model: LoadedModel, patches: Uint8Array): Promise<number | undefined> {
    const answer = await inference.call('classify', { model: model.name, patches });
    if (answer === superseded) return undefined;
    return topClasses(softmaxRows(answer.logits, model.labels.length), 1)[0];
  }

  /** A moving picture has a coarse map of each frame, a still one a fine one after the coarse one. */
  async function read(model: LoadedModel, picture: Picture): Promise<void> {
    const sidePx = slidingSidePx(picture, stage.square.get().sidePx);
    const isSame = seen?.picture === picture && seen.sidePx === sidePx && seen.model === model;
    if (picture.kind === 'still' && isSame && seen !== undefined) {
      // Only the square has moved: the map stays.
      const reading = await readSquare(model, reader.square(picture.element, stage.square.get()).patches);
      if (reading === undefined) return;
      seen = { ...seen, reading, atSquare: classAt(seen.map, seen.likeliest, sidePx) };
      draw();
      tellShown(picture);
      return;
    }
    const isShown = await slide(model, picture, sidePx, true);
    if (isShown && picture.kind === 'still') await slide(model, picture, sidePx, false);
  }

  return {
    root: element(
      'section',
      { class: 'heat', 'aria-labelledby': 'heat-heading' },
      said('h3', 'see.map', { id: 'heat-heading' }),
      said('p', 'see.mapWhy', { class: 'note' }),
      element(
        'div',
        { class: 'fields' },
        element('p', { class: 'field' }, said('label', 'see.class', { for: shown.id }), shown),
        element('p', { class: 'field' }, said('label', 'see.opacity', { for: strength.id }), strength),
      ),
      legend,
      stats,
      honest,
    ),
    read,
    reset(model) {
      seen = undefined;
      colourOf = classColours();
      clearOverlay(stage.overlay);
      legend.replaceChildren();
      stats.textContent = '';
      honest.textContent = '';
      listClasses(model?.labels ?? []);
    },
    leave: () => clearOverlay(stage.overlay),
  };
}

function legendOf({ likeliest, model }: Seen, colourOf: ClassColours): readonly HTMLElement[] {
  return classShares(likeliest)
    .slice(0, legendRows)
    .map(({ index, share }) => {
      const key = element('span', { class: 'legend-key', 'aria-hidden': 'true' });
      key.style.background = colourOf(index);
      const value = element('span', { class: 'figure' }, formatPercent(share));
      return element('li', {}, key, element('span', {}, model.labels[index] ?? ''), value);
    });
}
