/** Buttons that copy a result as text or save it as a JSON file. */

import { element } from '../dom/element.ts';
import { download } from '../dom/files.ts';
import { formatPercent, language, setText, type TextKey, textElement } from '../language/language.ts';
import type { Square } from '../stage/square.ts';

/** A result as it is saved. */
export interface SharedReading {
  readonly model: string;
  /** Size in pixels. */
  readonly picture: { readonly width: number; readonly height: number };
  /** The square that was classified; absent for a whole picture. */
  readonly square?: Square;
  /** How many patches were averaged. */
  readonly patches: number;
  /** Whether the picture shows a surface of the model; absent if the model cannot tell. */
  readonly isKnown?: boolean;
  /** The likeliest classes. */
  readonly predictions: readonly { readonly label: string; readonly probability: number }[];
}

const tellForMs = 3000;

export function resultActions(current: () => SharedReading | undefined) {
  const copy = textElement('button', 'live.copy');
  const save = textElement('button', 'live.save');
  const told = element('span', { class: 'note', role: 'status' });
  let timer: number | undefined;

  function tell(key: TextKey): void {
    setText(told, key);
    clearTimeout(timer);
    timer = window.setTimeout(() => {
      told.textContent = '';
    }, tellForMs);
  }

  async function copyResult(): Promise<void> {
    const reading = current();
    if (reading === undefined) return;
    try {
      await navigator.clipboard.writeText(textOfReading(reading));
      tell('live.copied');
    } catch {
      tell('live.notCopied');
    }
  }

  copy.addEventListener('click', () => void copyResult());
  save.addEventListener('click', () => {
    const reading = current();
    if (reading === undefined) return;
    const json = JSON.stringify({ ...reading, savedAt: new Date().toISOString() }, undefined, 2);
    download(`${json}\n`, 'textura-result.json', 'application/json');
  });
  language.subscribe(() => {
    told.textContent = '';
  });
  return {
    root: element('div', { class: 'result-actions' }, copy, save, told),
    enable(isReady: boolean): void {
      copy.disabled = !isReady;
      save.disabled = !isReady;
    },
  };
}

/** One class a line, with tabs, so that it becomes cells of a spreadsheet. */
function textOfReading({ predictions, model }: SharedReading): string {
  return [
    ...predictions.map(({ label, probability }) => `${label}\t${formatPercent(probability, 1)}`),
    model,
  ].join('\n');
}
