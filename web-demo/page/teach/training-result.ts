/** The result of a training in the Teach view: its errors, the name of the model, and what to do with it. */
import { pretrainedName, type TaughtResult } from '../../shared/teaching-api.ts';
import { dye } from '../dom/colours.ts';
import { element } from '../dom/element.ts';
import { download } from '../dom/files.ts';
import { formatNumber, formatPercent, setText, textElement, textOf } from '../language/language.ts';

export function trainingResultPanel({ onTry }: { readonly onTry: () => void }) {
  const error = element('p', { class: 'training-error', id: 'held-out' });
  const bySurface = element('ul', { class: 'held-out' });
  const time = element('p', { class: 'note' });
  const tryIt = textElement('button', 'teach.try', { class: 'primary' });
  const onnx = textElement('button', 'teach.download');
  const root = element(
    'div',
    { class: 'training-result' },
    error,
    bySurface,
    textElement('p', 'teach.resultNote', { class: 'note' }),
    time,
    element('div', { class: 'teach-actions' }, tryIt, onnx),
  );
  let shown: TaughtResult | undefined;

  function show(result: TaughtResult | undefined): void {
    shown = result;
    root.hidden = result === undefined;
    if (result === undefined) return;
    const { heldOut, trainingPatches, seconds, base, name } = result;
    const { wrong, count } = heldOut;
    setText(error, 'teach.result', { wrong, count, error: formatPercent(wrong / count) });
    bySurface.replaceChildren(...surfaceRows(result));
    const origin = base === pretrainedName ? textOf('teach.pretrained') : base;
    const values = { name, base: origin, count: trainingPatches, seconds: formatNumber(seconds, 1) };
    time.textContent = `${textOf('teach.saved', values)} ${textOf('teach.time', values)}`;
  }
  show(undefined);

  tryIt.addEventListener('click', onTry);
  onnx.addEventListener('click', () => {
    if (shown !== undefined) download(shown.model, `${shown.name}.onnx`, 'application/octet-stream');
  });
  return {
    root,
    /** Shows a result in the current language; undefined hides it. */
    show,
  };
}

/** How many held-out patches of each surface are right. Models of earlier versions do not have the counts. */
function surfaceRows({ labels, colours, heldOutOf }: TaughtResult): readonly HTMLElement[] {
  return heldOutOf.map(({ wrong, count }, c) => {
    const right = count - wrong;
    const bar = element('span', { class: 'meter', 'aria-hidden': 'true' });
    bar.style.setProperty('--share', String(count === 0 ? 0 : right / count));
    const row = element(
      'li',
      {},
      element('span', { class: 'dye' }),
      element('span', { class: 'held-out-label' }, labels[c] ?? ''),
      bar,
      element('span', { class: 'figure' }, textOf('teach.right', { right, count })),
    );
    row.style.setProperty('--dye', dye(colours[c] ?? c));
    return row;
  });
}
