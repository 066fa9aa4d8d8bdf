/** Keeps the place of people who use the keyboard. */

/**
 * If a control disappears or is disabled when a key presses it, the focus moves to the first one near it that
 * can have it.
 */
export function keepFocus(): void {
  document.addEventListener('click', (event) => {
    // A click by key has no count.
    if (event.detail > 0) return;
    for (const near of event.composedPath()) {
      if (hasFocus()) return;
      if (!(near instanceof HTMLElement)) continue;
      const controls = near.querySelectorAll<HTMLElement>('button, input, select, summary');
      // Those that are hidden or disabled ignore it.
      for (const control of controls) if (!hasFocus()) control.focus();
    }
  });
}

/** Whether a control has the focus that is neither hidden nor disabled. */
function hasFocus(): boolean {
  const { activeElement: focused, body } = document;
  if (focused === null || focused === body) return false;
  return !focused.matches(':disabled') && focused.getClientRects().length > 0;
}
