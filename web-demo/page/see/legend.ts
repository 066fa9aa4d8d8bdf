/** A row of a legend: a colour, what it stands for, and a value. */
import { element } from '../dom/element.ts';

export function legendRow(
  colour: string,
  label: string,
  value = '',
  attributes: Readonly<Record<string, string>> = {},
): HTMLElement {
  const key = element('span', { class: 'legend-key', 'aria-hidden': 'true' });
  key.style.background = colour;
  return element(
    'li',
    attributes,
    key,
    element('span', {}, label),
    element('span', { class: 'figure' }, value),
  );
}
