/** A line chart of the loss of each training step. */
import { element, svgElement } from '../dom/element.ts';
import { formatNumber, textElement } from '../language/language.ts';

const size = { width: 320, height: 110 } as const;
const margin = { left: 30, right: 6, top: 8, bottom: 18 } as const;

export function lossChart() {
  const line = svgElement('polyline', { class: 'chart-line', points: '' });
  const top = svgElement('text', { x: margin.left - 4, y: margin.top + 8, 'text-anchor': 'end' });
  const bottom = svgElement(
    'text',
    { x: margin.left - 4, y: size.height - margin.bottom, 'text-anchor': 'end' },
    '0',
  );
  const last = svgElement('text', { x: size.width - margin.right, y: size.height - 4, 'text-anchor': 'end' });
  const base = size.height - margin.bottom;
  const axis = svgElement('path', {
    class: 'chart-axis',
    d: `M${margin.left} ${margin.top}V${base}H${size.width - margin.right}`,
  });
  const picture = svgElement(
    'svg',
    { viewBox: `0 0 ${size.width} ${size.height}`, class: 'chart', 'aria-hidden': 'true' },
    axis,
    line,
    top,
    bottom,
    last,
  );
  const root = element(
    'figure',
    { class: 'chart-figure', hidden: true },
    textElement('figcaption', 'teach.curve', { class: 'note' }),
    picture,
  );
  let losses: number[] = [];

  function draw(total: number): void {
    const largest = Math.max(...losses, 1e-6);
    const width = size.width - margin.left - margin.right;
    const height = base - margin.top;
    const points = losses.map((loss, i) => {
      const x = margin.left + (width * i) / Math.max(1, total - 1);
      return `${x.toFixed(1)},${(base - (height * loss) / largest).toFixed(1)}`;
    });
    line.setAttribute('points', points.join(' '));
    top.textContent = formatNumber(largest, 1);
    last.textContent = formatNumber(losses.at(-1) ?? 0, 3);
  }

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
      root.hidden = false;
      draw(total);
    },
  };
}
