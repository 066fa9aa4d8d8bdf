/** A line chart of the loss of each training step. */
import { axes } from '../dom/axes.ts';
import { element, svgElement } from '../dom/element.ts';
import { formatNumber, language, setText, textElement, textOf } from '../language/language.ts';

const size = { width: 380, height: 190 } as const;
const area = { left: 40, right: size.width - 12, top: 22, bottom: size.height - 36 } as const;

export function lossChart() {
  const line = svgElement('polyline', { class: 'chart-line', points: '' });
  const scales = svgElement('g', {});
  const picture = svgElement(
    'svg',
    { viewBox: `0 0 ${size.width} ${size.height}`, class: 'chart', 'aria-hidden': 'true' },
    scales,
    line,
  );
  const latest = element('p', { class: 'note figure' });
  const root = element(
    'figure',
    { class: 'chart-figure', hidden: true },
    textElement('figcaption', 'teach.curve'),
    picture,
    latest,
  );
  let losses: number[] = [];
  let steps = 1;
  /** Of the drawn axes, which are drawn again only when it changes. */
  let drawnFor = '';

  function draw(): void {
    if (losses.length === 0) return;
    const largest = Math.max(...losses, 1e-6) * 1.05;
    const scalesFor = [largest, steps, language.get()].join();
    if (scalesFor !== drawnFor) {
      const titles = { x: textOf('teach.step'), y: textOf('teach.loss') };
      scales.replaceChildren(...axes({ area, largestX: steps, largestY: largest, titles }));
      drawnFor = scalesFor;
    }
    const points = losses.map((loss, i) => {
      const x = area.left + ((area.right - area.left) * (i + 1)) / steps;
      return `${x.toFixed(1)},${(area.bottom - ((area.bottom - area.top) * loss) / largest).toFixed(1)}`;
    });
    line.setAttribute('points', points.join(' '));
    setText(latest, 'teach.lossNow', {
      loss: formatNumber(losses.at(-1) ?? 0, 3),
      step: losses.length,
      total: steps,
    });
  }

  language.subscribe(draw);
  return {
    root,
    begin() {
      losses = [];
      root.hidden = true;
    },
    add(step: number, total: number, loss: number) {
      // A training of all layers starts with the last layer: the second curve starts at step one again.
      if (step <= losses.length) losses = [];
      losses.push(loss);
      steps = total;
      root.hidden = false;
      draw();
    },
  };
}
