/** What was learnt, how well, and what can be done with it. */

import type { TaughtResult } from '../../shared/teaching-api.ts';
import { element } from '../dom/element.ts';
import { formatNumber, formatPercent, said, say, textOf } from '../language/language.ts';

export function outcomePanel() {
  const error = element('p', { class: 'outcome-error', id: 'held-out' });
  const time = element('p', { class: 'note' });
  const tryIt = said('button', 'teach.try', { type: 'button', class: 'primary' });
  const onnx = said('button', 'teach.download', { type: 'button' });
  const patches = said('button', 'teach.patches', { type: 'button' });
  const forget = said('button', 'teach.deleteAll', { type: 'button', class: 'quiet' });
  const result = element(
    'div',
    { hidden: true },
    error,
    said('p', 'teach.resultNote', { class: 'note' }),
    time,
  );
  const buttons = element('div', { class: 'teach-actions' }, tryIt, onnx, patches, forget);
  const ready = (isReady: boolean) => {
    result.hidden = !isReady;
    tryIt.hidden = !isReady;
    onnx.hidden = !isReady;
  };
  ready(false);
  const onClick = (button: HTMLElement) => (call: () => void) => button.addEventListener('click', call);
  return {
    root: element('div', { class: 'outcome' }, result, buttons),
    show({ heldOut: { wrong, count }, trainingPatches, seconds, base }: TaughtResult) {
      ready(true);
      say(error, 'teach.result', { wrong, count, error: formatPercent(wrong / count) });
      const learntFrom = textOf('teach.time', { count: trainingPatches, seconds: formatNumber(seconds, 1) });
      time.textContent = `${learntFrom} ${textOf('teach.base', { name: base })}`;
    },
    hide: () => ready(false),
    onTry: onClick(tryIt),
    onDownload: onClick(onnx),
    onPatches: onClick(patches),
    onForget: onClick(forget),
  };
}
