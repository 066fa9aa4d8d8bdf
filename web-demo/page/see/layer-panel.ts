/**
 * The activation maps of the See view: the strongest maps of a layer, with the receptive field of a value
 * marked on the picture.
 */
import { inputPx } from '../../../model/patch.ts';
import type { Activations, LayerActivation, LoadedModel } from '../../shared/inference-api.ts';
import { superseded } from '../../shared/run-queue.ts';
import { context2d, element } from '../dom/element.ts';
import { language, setText, textElement, textOf } from '../language/language.ts';
import type { Picture } from '../stage/stage.ts';
import type { ViewContext } from '../view.ts';

const shownMaps = 20;

interface LayerPanel {
  readonly root: HTMLElement;
  read(model: LoadedModel, picture: Picture): Promise<void>;
  reset(): void;
  leave(): void;
}

export function layerPanel({ inference, stage, reader }: ViewContext): LayerPanel {
  const layers = element('select', { id: 'see-layer' });
  const sizes = element('p', { class: 'note', id: 'see-field' });
  const maps = mapGrid(({ x, y }) => markField(x, y));
  const filters = element('div', { class: 'filters', 'aria-hidden': 'true' });
  const filtersNote = element('p', { class: 'note' });
  let shown: Activations | undefined;

  const shownLayer = () => shown?.layers.find(({ layer }) => layer === layers.value) ?? shown?.layers[0];

  function draw(): void {
    const layer = shownLayer();
    if (layer === undefined || shown === undefined) return;
    setText(sizes, 'see.field', { shape: layer.shape.join(' x '), field: layer.receptiveFieldPx });
    if (layer.shape[0] > shownMaps) sizes.append(` ${textOf('see.strongest', { shown: shownMaps })}`);
    maps.show(layer);
    const { kernelPx: side, values } = shown.kernels;
    setText(filtersNote, 'see.filtersWhy', { count: values.length / side ** 2, side });
  }

  function listLayers(names: readonly string[]): void {
    if ([...layers.options].map(({ value }) => value).join() === names.join()) return;
    const before = layers.value;
    layers.replaceChildren(
      ...names.map((name) => element('option', { value: name, selected: name === before }, name)),
    );
  }

  /** Marks the receptive field of the value at (`x`, `y`) of the shown layer. */
  function markField(x: number, y: number): void {
    const layer = shownLayer();
    if (layer === undefined) return;
    const square = stage.square.get();
    const scale = square.sidePx / inputPx;
    stage.mark({
      x: square.x + x * layer.stridePx * scale,
      y: square.y + y * layer.stridePx * scale,
      sidePx: layer.receptiveFieldPx * scale,
    });
  }

  layers.addEventListener('change', () => {
    stage.mark(undefined);
    draw();
  });
  language.subscribe(draw);

  return {
    root: element(
      'section',
      { class: 'layers', 'aria-labelledby': 'layers-heading' },
      textElement('h3', 'see.layers', { id: 'layers-heading' }),
      textElement('p', 'see.layersWhy', { class: 'note' }),
      element('p', { class: 'field' }, textElement('label', 'see.layer', { for: layers.id }), layers),
      sizes,
      maps.root,
      element(
        'section',
        { class: 'first-filters', 'aria-labelledby': 'filters-heading' },
        textElement('h3', 'see.filters', { id: 'filters-heading' }),
        filtersNote,
        filters,
      ),
    ),
    async read(model, picture) {
      const { patches } = reader.square(picture.element, stage.square.get());
      const activations = await inference.call('activations', { model: model.name, patch: patches });
      if (activations === superseded) return;
      if (shown === undefined) filters.replaceChildren(...filterPictures(activations.kernels));
      shown = activations;
      listLayers(activations.layers.map(({ layer }) => layer));
      draw();
    },
    reset() {
      shown = undefined;
      stage.mark(undefined);
      filters.replaceChildren();
    },
    leave: () => stage.mark(undefined),
  };
}

interface Position {
  readonly x: number;
  readonly y: number;
}

/**
 * Pictures of a layer's strongest maps. A position is chosen by pointer, or by arrow keys while the grid has
 * the focus.
 */
function mapGrid(onPosition: (position: Position) => void) {
  const root = element('div', { class: 'maps result', tabindex: 0, role: 'group' });
  const pictures = Array.from({ length: shownMaps }, () => element('canvas', { 'aria-hidden': 'true' }));
  let layer: LayerActivation | undefined;
  let position: Position = { x: 0, y: 0 };
  root.append(...pictures);

  function choose(x: number, y: number): void {
    if (layer === undefined) return;
    const [, height, width] = layer.shape;
    const within = (value: number, size: number) => Math.min(Math.max(Math.floor(value), 0), size - 1);
    position = { x: within(x, width), y: within(y, height) };
    onPosition(position);
  }

  const point = ({ target, clientX, clientY }: PointerEvent) => {
    if (!(target instanceof HTMLCanvasElement)) return;
    const { left, top, width, height } = target.getBoundingClientRect();
    choose(((clientX - left) / width) * target.width, ((clientY - top) / height) * target.height);
  };
  root.addEventListener('pointermove', point);
  // A tap does not move.
  root.addEventListener('pointerdown', point);
  root.addEventListener('keydown', (event) => {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    choose(position.x + (step[0] ?? 0), position.y + (step[1] ?? 0));
  });

  function show(next: LayerActivation): void {
    layer = next;
    root.setAttribute('aria-label', `${textOf('see.layers')}: ${next.layer}`);
    const channels = strongestChannels(next, shownMaps);
    pictures.forEach((canvas, i) => {
      const channel = channels[i];
      canvas.hidden = channel === undefined;
      if (channel === undefined) return;
      canvas.title = textOf('see.mapTitle', { number: channel, layer: next.layer });
      drawChannel(canvas, next, channel);
    });
  }
  return { root, show };
}

/** The kernels on one scale. */
function filterPictures({ kernelPx, values }: Activations['kernels']): readonly HTMLElement[] {
  const size = kernelPx ** 2;
  const largest = largestMagnitude(values);
  return Array.from({ length: values.length / size }, (_, i) => {
    const canvas = element('canvas');
    const weights = values.subarray(i * size, (i + 1) * size);
    drawValues(canvas, weights, kernelPx, kernelPx, largest, greyScale);
    return element('figure', {}, canvas, element('figcaption', { class: 'figure' }, String(i + 1)));
  });
}

/** The first `count` channels by decreasing mean magnitude. */
function strongestChannels({ shape, values }: LayerActivation, count: number): readonly number[] {
  const [channels, height, width] = shape;
  const positions = height * width;
  const strength = Array.from({ length: channels }, (_, c) => {
    let sum = 0;
    for (let i = 0; i < positions; i++) sum += Math.abs(values[c * positions + i] as number);
    return sum;
  });
  return strength
    .map((_, c) => c)
    .sort((a, b) => (strength[b] as number) - (strength[a] as number) || a - b)
    .slice(0, count);
}

/** Draws one channel: zero is black, positive values go from red to pale, negative values are blue. */
function drawChannel(canvas: HTMLCanvasElement, layer: LayerActivation, channel: number): void {
  const [, height, width] = layer.shape;
  const positions = height * width;
  const values = layer.values.subarray(channel * positions, (channel + 1) * positions);
  drawValues(canvas, values, width, height, largestMagnitude(values));
}

function largestMagnitude(values: Float32Array): number {
  return values.reduce((largest, value) => Math.max(largest, Math.abs(value)), 1e-9);
}

type Colour = readonly [red: number, green: number, blue: number];
type Scale = (value: number) => Colour;

/** -1..1 to blue, black, red and pale. */
function heatScale(value: number): Colour {
  if (value < 0) return [60 * -value, 120 * -value, 210 * -value];
  const warm = Math.min(1, 2 * value);
  const pale = Math.max(0, 2 * value - 1);
  return [20 + 200 * warm + 30 * pale, 18 + 60 * warm + 160 * pale, 16 + 30 * warm + 180 * pale];
}

/** -1..1 to black..white. */
function greyScale(value: number): Colour {
  const level = 127.5 * (1 + value);
  return [level, level, level];
}

function drawValues(
  canvas: HTMLCanvasElement,
  values: Float32Array,
  width: number,
  height: number,
  largest: number,
  scale: Scale = heatScale,
): void {
  canvas.width = width;
  canvas.height = height;
  const image = new ImageData(width, height);
  values.forEach((value, i) => {
    image.data.set([...scale(value / largest), 255], 4 * i);
  });
  context2d(canvas).putImageData(image, 0, 0);
}
