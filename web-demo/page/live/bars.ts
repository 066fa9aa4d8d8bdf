/** The likeliest classes as labelled bars, which keep their elements from frame to frame. */
import { element } from '../dom/element.ts';
import { formatPercent } from '../language/language.ts';

export interface ClassBars {
  readonly root: HTMLElement;
  /** `classes` in their order from the top. */
  show(classes: readonly { readonly label: string; readonly probability: number }[]): void;
}

export function classBars(rows: number): ClassBars {
  const root = element('ol', { class: 'bars finding' });
  const bars = Array.from({ length: rows }, () => {
    const label = element('span', { class: 'bar-label' });
    const value = element('span', { class: 'bar-value figure' });
    const thread = element('span', { class: 'bar-thread', 'aria-hidden': 'true' });
    const row = element('li', { class: 'bar', hidden: true }, label, value, thread);
    root.append(row);
    return { row, label, value, thread };
  });
  return {
    root,
    show(classes) {
      bars.forEach(({ row, label, value, thread }, i) => {
        const shown = classes[i];
        row.hidden = shown === undefined;
        if (shown === undefined) return;
        if (label.textContent !== shown.label) label.textContent = shown.label;
        value.textContent = formatPercent(shown.probability);
        // All digits, for whoever copies or checks them.
        row.dataset.probability = String(shown.probability);
        thread.style.setProperty('--share', String(shown.probability));
      });
    },
  };
}
