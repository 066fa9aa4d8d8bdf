/** The picture with the square that is classified, which is moved and scaled by pointer, wheel or keys. */
import { leastPatchPx } from '../../../model/patch.ts';
import { element } from '../dom/element.ts';
import { type Signal, signal } from '../dom/signal.ts';
import { formatNumber, language, showText, textElement, textOf } from '../language/language.ts';
import type { PictureElement } from './capture.ts';
import {
  carriedOver,
  centred,
  fitted,
  longestSidePx,
  moved,
  type Size,
  type Square,
  scaled,
} from './square.ts';

export interface Picture extends Size {
  readonly kind: 'camera' | 'still';
  readonly element: PictureElement;
}

export interface Stage {
  readonly root: HTMLElement;
  readonly picture: Signal<Picture | undefined>;
  readonly square: Signal<Square>;
  /** A canvas over the picture, for heat maps. Whoever draws sets its size. */
  readonly overlay: HTMLCanvasElement;
  /** Marks a further square of the picture; undefined removes the mark. */
  mark(square: Square | undefined): void;
  /** Text next to the square, such as its result; empty removes it. */
  caption(text: string): void;
  /** Shows another picture. The square moves to `at`, or keeps its relative position. */
  show(picture: Picture, at?: Pick<Square, 'x' | 'y'>): void;
  /** The picture has changed its size, as after turning a phone. */
  resize(size: Size): void;
  /** Sets the square's side to that of the model's training patches, unless a person has chosen one. */
  setTrainedSide(sidePx: number): void;
  /** Whether the model reads the whole picture: the square is then hidden. */
  setWhole(isWhole: boolean): void;
}

const stepPx = 8;
const scaleStep = 1.1;

export function createStage(): Stage {
  const picture = signal<Picture | undefined>(undefined);
  const square = signal<Square>({ x: 0, y: 0, sidePx: 64 });
  const holder = element('div', { class: 'stage-picture' });
  const overlay = element('canvas', { class: 'stage-overlay result', 'aria-hidden': 'true' });
  const frame = squareElement();
  const mark = element('div', { class: 'stage-mark', 'aria-hidden': 'true', hidden: true });
  const side = element('input', { type: 'range', id: 'square-side', min: leastPatchPx, step: 1 });
  const sideText = element('output', { for: 'square-side', class: 'figure' });
  const frameArea = element('div', { class: 'stage-frame' }, holder, overlay, mark, frame.root);
  const hint = textElement('p', 'stage.hint', { class: 'note' });
  const controls = element(
    'div',
    { class: 'stage-controls' },
    hint,
    textElement('label', 'stage.side', { for: 'square-side' }),
    side,
    sideText,
  );
  const root = element(
    'div',
    { class: 'stage' },
    element('div', { class: 'stage-strip' }, frameArea),
    controls,
  );
  let chosenSide = false;
  /** The side in a picture that is large enough. */
  let wantedSidePx = square.get().sidePx;

  const size = (): Size => picture.get() ?? { width: 640, height: 480 };
  const place = (next: Square) => square.set(next);
  const scaleTo = (sidePx: number) => {
    chosenSide = true;
    place(scaled(square.get(), sidePx, size()));
    wantedSidePx = square.get().sidePx;
  };

  square.subscribe(draw);
  language.subscribe(draw);
  side.addEventListener('input', () => scaleTo(Number(side.value)));
  frame.root.addEventListener('keydown', (event) => {
    const action = keyActions[event.key];
    if (action === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    const { dx = 0, dy = 0, scale = 1 } = action;
    const step = event.shiftKey ? 1 : stepPx;
    if (scale === 1) place(moved(square.get(), dx * step, dy * step, size()));
    else scaleTo(square.get().sidePx * scale);
  });
  frameArea.addEventListener(
    'wheel',
    (event) => {
      if (!event.ctrlKey && document.activeElement !== frame.root) return;
      event.preventDefault();
      scaleTo(square.get().sidePx * (event.deltaY < 0 ? scaleStep : 1 / scaleStep));
    },
    { passive: false },
  );
  dragging(frameArea, frame.handle, { size, square, place, scaleTo });

  function draw(): void {
    frame.root.hidden = picture.get() === undefined;
    const { x, y, sidePx } = square.get();
    const { width, height } = size();
    placeOver(frame.root, square.get(), size());
    const { marker } = frame;
    marker.textContent = `${formatNumber(sidePx)} px`;
    // The labels are where they have room in the picture.
    const isAtRight = x + sidePx / 2 > width / 2;
    frame.root.classList.toggle('at-top', y < height / 8);
    frame.root.classList.toggle('at-bottom', y + sidePx > (height * 4) / 5);
    frame.root.classList.toggle('at-right', isAtRight);
    frame.root.style.setProperty('--room', String((isAtRight ? x + sidePx : width - x) / sidePx));
    frame.root.setAttribute('aria-label', textOf('stage.square', { x, y, side: sidePx }));
    side.max = String(longestSidePx(size()));
    side.value = String(sidePx);
    sideText.textContent = `${formatNumber(sidePx)} px`;
  }

  function layOut({ width, height }: Size): void {
    frameArea.style.aspectRatio = `${width} / ${height}`;
    frameArea.style.setProperty('--aspect', String(width / height));
  }

  return {
    root,
    picture,
    square,
    overlay,
    caption(text) {
      if (frame.caption.textContent !== text) frame.caption.textContent = text;
      frame.caption.hidden = text === '';
    },
    mark(at) {
      mark.hidden = at === undefined;
      if (at !== undefined) placeOver(mark, at, size());
    },
    show(next, at) {
      const before = picture.get();
      if (before?.element !== next.element) holder.replaceChildren(next.element);
      layOut(next);
      picture.set(next);
      if (at !== undefined) place(fitted({ ...at, sidePx: wantedSidePx }, next));
      else if (before === undefined) place(centred(wantedSidePx, next));
      else place(carriedOver(square.get(), wantedSidePx, before, next));
    },
    resize(next) {
      const before = picture.get();
      if (before === undefined) return;
      layOut(next);
      picture.set({ ...before, ...next });
      place(carriedOver(square.get(), wantedSidePx, before, next));
    },
    setTrainedSide(sidePx) {
      if (chosenSide) return;
      wantedSidePx = sidePx;
      place(scaled(square.get(), sidePx, size()));
    },
    setWhole(isWhole) {
      root.classList.toggle('whole', isWhole);
      showText(hint, isWhole ? 'stage.wholeHint' : 'stage.hint');
    },
  };
}

/** Lays an element over a square of the picture. */
function placeOver(over: HTMLElement, { x, y, sidePx }: Square, { width, height }: Size): void {
  const percent = (share: number) => `${100 * share}%`;
  Object.assign(over.style, {
    left: percent(x / width),
    top: percent(y / height),
    width: percent(sidePx / width),
    height: percent(sidePx / height),
  });
}

const keyActions: Readonly<Record<string, { dx?: number; dy?: number; scale?: number }>> = {
  ArrowLeft: { dx: -1 },
  ArrowRight: { dx: 1 },
  ArrowUp: { dy: -1 },
  ArrowDown: { dy: 1 },
  '+': { scale: scaleStep },
  '=': { scale: scaleStep },
  '-': { scale: 1 / scaleStep },
};

function squareElement() {
  const handle = element('span', { class: 'square-handle' });
  const marker = element('span', { class: 'square-size' });
  const caption = element('span', { class: 'square-caption result', hidden: true, 'aria-hidden': 'true' });
  const root = element(
    'div',
    { class: 'square', tabindex: 0, role: 'group', id: 'square' },
    element('div', { class: 'square-labels' }, marker, caption),
    ...['nw', 'ne', 'sw'].map((corner) => element('span', { class: `square-corner ${corner}` })),
    handle,
  );
  return { root, handle, marker, caption };
}

interface DragTarget {
  readonly size: () => Size;
  readonly square: Signal<Square>;
  readonly place: (square: Square) => void;
  readonly scaleTo: (sidePx: number) => void;
}

/** Dragging moves the square; dragging the handle scales it. A press outside the square centres it there. */
function dragging(
  area: HTMLElement,
  handle: HTMLElement,
  { size, square, place, scaleTo }: DragTarget,
): void {
  area.addEventListener('pointerdown', (event) => {
    // A second finger does not take the square from the first one.
    if (event.button !== 0 || !event.isPrimary) return;
    const scales = event.target === handle;
    const picturePx = () => size().width / area.clientWidth;
    const bounds = area.getBoundingClientRect();
    const at = (pointer: PointerEvent) => ({
      x: (pointer.clientX - bounds.left) * picturePx(),
      y: (pointer.clientY - bounds.top) * picturePx(),
    });
    const start = at(event);
    let from = square.get();
    const outside =
      start.x < from.x ||
      start.y < from.y ||
      start.x > from.x + from.sidePx ||
      start.y > from.y + from.sidePx;
    if (outside && !scales) {
      place(moved(from, start.x - from.x - from.sidePx / 2, start.y - from.y - from.sidePx / 2, size()));
      from = square.get();
    }
    const follow = (pointer: PointerEvent) => {
      if (pointer.pointerId !== event.pointerId) return;
      const { x, y } = at(pointer);
      if (scales) scaleTo(Math.max(x - from.x - from.sidePx / 2, y - from.y - from.sidePx / 2) * 2);
      else place(moved(from, x - start.x, y - start.y, size()));
    };
    const end = ({ pointerId }: PointerEvent) => {
      if (pointerId !== event.pointerId) return;
      area.removeEventListener('pointermove', follow);
      area.removeEventListener('pointerup', end);
      area.removeEventListener('pointercancel', end);
    };
    area.setPointerCapture(event.pointerId);
    handle.parentElement?.focus({ preventScroll: true });
    event.preventDefault();
    area.addEventListener('pointermove', follow);
    area.addEventListener('pointerup', end);
    area.addEventListener('pointercancel', end);
  });
}
