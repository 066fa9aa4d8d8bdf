/** Saves the picture with its heat map, the square, and a legend below as a PNG file. */

import { context2d, element } from '../dom/element.ts';
import { download } from '../dom/files.ts';
import { formatPercent } from '../language/language.ts';
import type { Square } from '../stage/square.ts';
import type { Picture } from '../stage/stage.ts';

interface LegendEntry {
  readonly colour: string;
  readonly label: string;
  readonly share: number;
}

interface SavedPicture {
  readonly picture: Picture;
  readonly overlay: HTMLCanvasElement;
  readonly square: Square;
  readonly title: string;
  readonly legend: readonly LegendEntry[];
}

const leastWidth = 640;
const legendColumns = 3;
const row = { height: 24, font: '15px sans-serif' } as const;

export function savePicture({ picture, overlay, square, title, legend }: SavedPicture): void {
  const scale = Math.max(1, Math.ceil(leastWidth / picture.width));
  const [width, height] = [picture.width * scale, picture.height * scale];
  const rows = 1 + Math.ceil(legend.length / legendColumns);
  const canvas = element('canvas', { width, height: height + rows * row.height + 16 });
  const context = context2d(canvas);
  context.fillStyle = '#fff';
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(picture.element, 0, 0, width, height);
  context.imageSmoothingEnabled = false;
  context.drawImage(overlay, 0, 0, width, height);
  for (const [colour, lineWidth] of [
    ['#000', 4],
    ['#fff', 2],
  ] as const) {
    context.strokeStyle = colour;
    context.lineWidth = lineWidth;
    context.strokeRect(square.x * scale, square.y * scale, square.sidePx * scale, square.sidePx * scale);
  }
  context.font = row.font;
  context.textBaseline = 'middle';
  context.fillStyle = '#000';
  context.fillText(title, 8, height + 8 + row.height / 2);
  legend.forEach(({ colour, label, share }, i) => {
    const x = 8 + ((i % legendColumns) * (width - 8)) / legendColumns;
    const y = height + 8 + (1.5 + Math.floor(i / legendColumns)) * row.height;
    context.fillStyle = colour;
    context.fillRect(x, y - 7, 14, 14);
    context.fillStyle = '#000';
    context.fillText(`${label} ${formatPercent(share)}`, x + 20, y, width / legendColumns - 28);
  });
  canvas.toBlob((blob) => {
    if (blob !== null) download(blob, 'textura-heat-map.png', 'image/png');
  }, 'image/png');
}
