/** A plot of the validation error of every model against the time that it takes here. */
import type { LoadedModel } from '../../shared/inference-api.ts';
import { axes, roundTicks } from '../dom/axes.ts';
import { element, svgElement } from '../dom/element.ts';
import type { ListedModel } from '../inference/model-list.ts';
import { formatNumber, formatPercent, textElement, textOf } from '../language/language.ts';

const size = { width: 440, height: 230 } as const;
const area = { left: 46, right: size.width - 16, top: 24, bottom: size.height - 38 } as const;
const labelPx = { height: 12, perLetter: 6.7 } as const;

export function errorPlot() {
  const picture = svgElement('svg', {
    viewBox: `0 0 ${size.width} ${size.height}`,
    class: 'chart plot',
    role: 'img',
  });
  const aboutLines = textElement('span', 'compare.plotLines');
  const root = element(
    'figure',
    { class: 'chart-figure', hidden: true },
    textElement('figcaption', 'compare.plot'),
    picture,
    element('p', { class: 'note' }, textElement('span', 'compare.plotNote'), ' ', aboutLines),
  );

  /** Models without an error, or that are not loaded, are left out; one model alone is not plotted. */
  function show(models: readonly ListedModel[], loaded: readonly LoadedModel[]): void {
    const points = models.flatMap(({ name, top1err: error, top1errInterval: interval }) => {
      const ms = loaded.find((model) => model.name === name)?.runMs;
      return ms === undefined || error === undefined ? [] : [{ name, ms, error, interval }];
    });
    root.hidden = points.length < 2;
    if (root.hidden) return;
    aboutLines.hidden = points.every(({ interval }) => interval === undefined);
    const largestX = 1.12 * Math.max(...points.map(({ ms }) => ms));
    const largestY = 1.12 * Math.max(...points.map(({ error, interval }) => interval?.high ?? error), 0.01);
    const x = (ms: number) => area.left + ((area.right - area.left) * ms) / largestX;
    const y = (error: number) => area.bottom - ((area.bottom - area.top) * error) / largestY;
    const digits = (roundTicks(largestY, 4)[1] ?? 1) < 0.01 ? 1 : 0;
    const titles = { x: textOf('compare.plotX'), y: textOf('compare.plotY') };
    const formatY = (value: number) => formatPercent(value, digits);
    // Labels keep clear of points and of each other.
    const placed = points.map(({ ms, error }) => ({ x: x(ms) - 5, y: y(error) + 4, width: 10 }));
    picture.setAttribute('aria-label', textOf('compare.plot'));
    picture.replaceChildren(
      ...axes({ area, largestX, largestY, titles, formatY }),
      ...points.flatMap(({ name, ms, error, interval }) => {
        const [cx, cy] = [x(ms), y(error)];
        const width = name.length * labelPx.perLetter;
        const isRight = cx + 8 + width > area.right;
        const left = isRight ? cx - 8 - width : cx + 8;
        const isFree = (top: number) =>
          top >= area.top &&
          top < area.bottom &&
          placed.every(
            (other) =>
              Math.abs(other.y - top) >= labelPx.height ||
              left >= other.x + other.width ||
              other.x >= left + width,
          );
        const besidePoint = cy - 6;
        // The nearest free row, above the point or below it.
        const count = Math.ceil((area.bottom - area.top) / labelPx.height);
        const rows = Array.from({ length: count }, (_, row) => [-row, row]).flat();
        const tops = rows.map((row) => besidePoint + row * labelPx.height);
        const top = tops.find(isFree) ?? besidePoint;
        placed.push({ x: left, y: top, width });
        const words = textOf('compare.plotPoint', {
          name,
          ms: formatNumber(ms, 1),
          error: formatPercent(error, 1),
        });
        const line = interval && `M${cx} ${y(interval.low)}V${y(interval.high)}`;
        return [
          ...(line === undefined ? [] : [svgElement('path', { class: 'plot-interval', d: line })]),
          svgElement('circle', { class: 'plot-point', cx, cy, r: 4.5 }, svgElement('title', {}, words)),
          svgElement(
            'text',
            { x: isRight ? cx - 8 : cx + 8, y: top, 'text-anchor': isRight ? 'end' : 'start' },
            name,
          ),
        ];
      }),
    );
  }
  return { root, show };
}
