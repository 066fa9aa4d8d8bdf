/**
 * One surface of the Teach view: its name, the button that collects patches while it is held, and the
 * collected patches.
 */
import type { Patch } from '../../../model/patch.ts';
import type { Surface } from '../../shared/surfaces.ts';
import { dye } from '../dom/colours.ts';
import { element } from '../dom/element.ts';
import { language, setText, textElement, textOf } from '../language/language.ts';
import { paintPatch } from '../stage/capture.ts';

/** About eight patches a second: fewer take too long, more are too similar. */
const collectEveryMs = 120;

export interface SurfaceCard {
  readonly root: HTMLElement;
  readonly surface: () => Surface;
  /** Its position in the list, from 1. */
  number(number: number): void;
  addPatches(patches: readonly Patch[]): void;
  focus(): void;
}

interface SurfaceCardEvents {
  /** Returns a patch to add, or undefined if there is no picture. */
  readonly collect: () => Patch | undefined;
  /** Name or patches have changed. */
  readonly onChange: (surface: Surface) => void;
  readonly onRemove: () => void;
}

export function surfaceCard(first: Surface, events: SurfaceCardEvents): SurfaceCard {
  let surface = first;
  let number = 1;
  const id = `surface-${first.id}`;
  const name = element('input', { type: 'text', id, value: first.name, maxlength: 60, autocomplete: 'off' });
  const label = element('label', { for: id });
  const hold = textElement('button', 'teach.hold', { class: 'hold' });
  const count = element('span', { class: 'figure surface-count' });
  const remove = element('button', { class: 'quiet' }, '×');
  const empty = textElement('p', 'teach.noPatches', { class: 'note' });
  const thumbs = element('div', { class: 'thumbs' });
  const root = element(
    'li',
    { class: 'surface' },
    element('div', { class: 'surface-head' }, label, count, remove),
    name,
    hold,
    empty,
    thumbs,
  );
  root.style.setProperty('--dye', dye(first.colour));

  function change(next: Partial<Surface>): void {
    surface = { ...surface, ...next };
    drawTexts();
    events.onChange(surface);
  }

  function drawTexts(): void {
    setText(count, 'teach.count', { count: surface.patches.length });
    setText(label, 'teach.name', { number });
    name.placeholder = textOf('teach.namePlaceholder');
    empty.hidden = surface.patches.length > 0;
    count.hidden = !empty.hidden;
    const named = surface.name.trim() || textOf('teach.unnamed', { number });
    hold.setAttribute('aria-label', `${textOf('teach.hold')}: ${named}`);
    remove.setAttribute('aria-label', textOf('teach.remove', { name: named }));
    const buttons = [...thumbs.children];
    for (const [i, button] of buttons.entries()) {
      button.setAttribute('aria-label', textOf('teach.removePatch', { number: i + 1, name: named }));
    }
  }

  function addThumb(patch: Patch): void {
    const canvas = element('canvas', { width: 64, height: 64, 'aria-hidden': 'true' });
    paintPatch(canvas, patch);
    const button = element('button', { class: 'thumb' }, canvas);
    button.addEventListener('click', () => {
      const next = button.nextElementSibling ?? button.previousElementSibling ?? hold;
      if (document.activeElement === button) (next as HTMLElement).focus();
      button.remove();
      change({ patches: surface.patches.filter((other) => other !== patch) });
    });
    thumbs.append(button);
  }

  function addPatches(patches: readonly Patch[]): void {
    for (const patch of patches) addThumb(patch);
    thumbs.scrollTop = thumbs.scrollHeight;
    change({ patches: [...surface.patches, ...patches] });
  }

  for (const patch of first.patches) addThumb(patch);
  language.subscribe(drawTexts);
  name.addEventListener('input', () => change({ name: name.value }));
  remove.addEventListener('click', events.onRemove);
  whileHeld(hold, () => {
    const patch = events.collect();
    if (patch !== undefined) addPatches([patch]);
  });
  return {
    root,
    surface: () => surface,
    number(next) {
      number = next;
      drawTexts();
    },
    addPatches,
    focus: () => name.focus(),
  };
}

/** Calls at an interval while the button is held by pointer or key. */
function whileHeld(button: HTMLElement, call: () => void): void {
  let timer: number | undefined;
  const stop = () => {
    clearInterval(timer);
    timer = undefined;
    button.classList.remove('held');
  };
  const start = () => {
    if (timer !== undefined) return;
    button.classList.add('held');
    call();
    timer = window.setInterval(call, collectEveryMs);
  };
  button.addEventListener('pointerdown', (event) => {
    button.setPointerCapture(event.pointerId);
    start();
  });
  for (const end of ['pointerup', 'pointercancel', 'lostpointercapture', 'blur']) {
    button.addEventListener(end, stop);
  }
  button.addEventListener('keydown', (event) => {
    if (event.key !== ' ' && event.key !== 'Enter') return;
    event.preventDefault();
    start();
  });
  button.addEventListener('keyup', stop);
  // A long press must not open the browser's menu.
  button.addEventListener('contextmenu', (event) => event.preventDefault());
}
