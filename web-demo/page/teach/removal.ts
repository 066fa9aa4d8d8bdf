/**
 * A line in the place of what was removed, with a button that brings it back. It goes after a few seconds, and only then is anything
 * deleted: a reload before that loses nothing. It waits while the pointer or a keyboard's focus is on it.
 */
import { element } from '../dom/element.ts';
import { language, said } from '../language/language.ts';

export const undoSeconds = 10;
const tickMs = 250;

export interface Removal {
  readonly root: HTMLElement;
  /** Brings the focus to the button that undoes it. */
  focus(): void;
  /** Deletes now; nothing where it has ended already. */
  end(): void;
}

interface RemovalEnds {
  /** The line is still in its place. */
  readonly onUndo: () => void;
  /** The line is gone. */
  readonly onDelete: () => void;
}

export function removal(tag: 'li' | 'div', text: () => string, { onUndo, onDelete }: RemovalEnds): Removal {
  const words = element('p', { id: `removed-${++count}`, class: 'removal-words' });
  const undo = said('button', 'teach.undo', {
    type: 'button',
    class: 'primary',
    'aria-describedby': words.id,
  });
  const now = said('button', 'teach.deleteNow', {
    type: 'button',
    class: 'quiet',
    'aria-describedby': words.id,
  });
  // Undo stands where the button was that removed: a double click is no way to lose anything.
  const root = element(
    tag,
    { class: 'removal' },
    words,
    element('div', { class: 'removal-buttons' }, now, undo),
  );
  let leftMs = 1000 * undoSeconds;
  const timer = setInterval(() => {
    if (root.matches(':hover, :has(:focus-visible)')) return;
    leftMs -= tickMs;
    if (leftMs <= 0) end();
  }, tickMs);

  function end(): void {
    if (!root.isConnected) return;
    clearInterval(timer);
    root.remove();
    onDelete();
  }

  language.watch(() => {
    words.textContent = text();
  });
  undo.addEventListener('click', () => {
    clearInterval(timer);
    onUndo();
    root.remove();
  });
  now.addEventListener('click', end);
  return { root, focus: () => undo.focus(), end };
}

let count = 0;
