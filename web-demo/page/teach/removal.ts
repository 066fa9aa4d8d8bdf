/**
 * A message with an Undo button, shown in place of something that was removed. After a few seconds it
 * disappears and the removed data are deleted; a reload before then restores them. The time stops while the
 * pointer or the keyboard focus is on the message.
 */
import { element } from '../dom/element.ts';
import { language, textElement } from '../language/language.ts';

export const undoSeconds = 10;
const tickMs = 250;

export interface Removal {
  readonly root: HTMLElement;
  /** Focuses the Undo button. */
  focus(): void;
  /** Deletes now, unless it was deleted or undone already. */
  end(): void;
}

interface RemovalEnds {
  /** Called while the message is still in the page. */
  readonly onUndo: () => void;
  /** Called after the message was removed. */
  readonly onDelete: () => void;
}

export function removal(tag: 'li' | 'div', text: () => string, { onUndo, onDelete }: RemovalEnds): Removal {
  const words = element('p', { id: `removed-${++count}`, class: 'removal-words' });
  const undo = textElement('button', 'teach.undo', {
    class: 'primary',
    'aria-describedby': words.id,
  });
  const now = textElement('button', 'teach.deleteNow', {
    class: 'quiet',
    'aria-describedby': words.id,
  });
  // Undo is at the position of the button that removed: a double click undoes.
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

  language.subscribe(() => {
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
