/** Radio buttons in a row, for a choice between a few options. */
import { type TextKey, textElement } from '../language/language.ts';
import { element } from './element.ts';

interface Choice<T extends string> {
  readonly root: HTMLElement;
  get(): T;
}

export function choice<T extends string>(
  name: string,
  legend: TextKey,
  options: Readonly<Record<T, TextKey>>,
  first: T,
  onChange: (value: T) => void,
): Choice<T> {
  const values = Object.keys(options) as T[];
  const inputs = values.map((value) => {
    const input = element('input', {
      type: 'radio',
      name,
      value,
      id: `${name}-${value}`,
      checked: value === first,
    });
    input.addEventListener('change', () => onChange(value));
    return input;
  });
  const strip = element('div', { class: 'strip' });
  inputs.forEach((input, i) => {
    strip.append(input, textElement('label', options[values[i] as T], { for: input.id }));
  });
  return {
    root: element('fieldset', { class: 'choice' }, textElement('legend', legend), strip),
    get: () => (inputs.find(({ checked }) => checked)?.value ?? first) as T,
  };
}
