/** Axes of the page's charts: where their ticks are, and how they are drawn. */
import { formatNumber } from '../language/language.ts';
import { svgElement } from './element.ts';

/** Where a chart's values are drawn, in pixels of its viewBox. */
interface PlotArea {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

/** At most about `count` round values from 0 to `largest`: 1, 2 or 5 times a power of ten apart. */
export function roundTicks(largest: number, count: number): readonly number[] {
  if (!(largest > 0)) return [0];
  const power = 10 ** Math.floor(Math.log10(largest / count));
  const step = power * ([1, 2, 5].find((factor) => (factor * power * count) / largest >= 0.999) ?? 10);
  return Array.from({ length: Math.floor(largest / step + 1e-9) + 1 }, (_, i) => i * step);
}

/** Decimal places that distinguish ticks. */
function placesOf(ticks: readonly number[]): number {
  const [first = 0, second = 1] = ticks;
  return Math.max(0, -Math.floor(Math.log10(second - first) + 1e-9));
}

interface Axes {
  readonly area: PlotArea;
  /** The last tick or more. */
  readonly largestX: number;
  readonly largestY: number;
  readonly titles: { readonly x: string; readonly y: string };
  /** By default, as many decimal places as the ticks need. */
  readonly formatY?: (value: number) => string;
}

/** Both axes from 0, with ticks, a faint line for each tick of y, and titles at their ends. */
export function axes({ area, largestX, largestY, titles, formatY }: Axes): readonly SVGElement[] {
  const { left, right, top, bottom } = area;
  const [ticksX, ticksY] = [roundTicks(largestX, 6), roundTicks(largestY, 4)];
  const textY = formatY ?? ((value) => formatNumber(value, placesOf(ticksY)));
  const marks = ticksX.map((value) => {
    const x = left + ((right - left) * value) / largestX;
    return svgElement(
      'text',
      { x, y: bottom + 15, 'text-anchor': 'middle' },
      formatNumber(value, placesOf(ticksX)),
    );
  });
  const lines = ticksY.flatMap((value) => {
    const y = bottom - ((bottom - top) * value) / largestY;
    return [
      svgElement('path', { class: value === 0 ? 'chart-axis' : 'chart-grid', d: `M${left} ${y}H${right}` }),
      svgElement('text', { x: left - 6, y: y + 4, 'text-anchor': 'end' }, textY(value)),
    ];
  });
  return [
    ...lines,
    ...marks,
    svgElement('text', { class: 'chart-title', x: 0, y: 11 }, titles.y),
    svgElement('text', { class: 'chart-title', x: right, y: bottom + 31, 'text-anchor': 'end' }, titles.x),
  ];
}
