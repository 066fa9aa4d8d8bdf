/** Parts of a view that need a model. While there is none, one sentence takes their place. */
import { element } from '../dom/element.ts';
import { showText, textElement } from '../language/language.ts';
import type { Inference } from './inference.ts';

export function modelParts({ model }: Inference, ...parts: readonly HTMLElement[]): HTMLElement {
  const missing = textElement('p', 'live.loading', { role: 'status' });
  const own = element('div', { class: 'model-parts', hidden: true }, ...parts);
  model.subscribe(({ status }) => {
    // Parts that are there stay while another model is loaded, so that the page does not jump.
    if (status !== 'loading') own.hidden = status === 'failed';
    missing.hidden = !own.hidden;
    showText(missing, status === 'failed' ? 'model.needed' : 'live.loading');
  });
  return element('div', { class: 'model-parts' }, missing, own);
}
