/** Draws an explanation: the picture under the colours of its two likeliest classes, and what the numbers are. */
import { evidenceColour, evidenceColours, evidenceLimit } from '../../model/evidence-colour.ts';
import { percent, withSign } from '../../model/format.ts';
import type { GreyImage } from '../../model/image.ts';
import { inputPx } from '../../model/patch.ts';
import { counted, oneLine, withoutMiddle } from '../../model/words.ts';
import { html, type Markup } from '../../report/markup.ts';
import { lightPalette } from '../../report/palette.ts';
import { annotatedPng, type Raster, scaledLevels, thumbnail, thumbnailPx } from '../../report/pictures.ts';
import type { Explanation } from './why-image.ts';

const longestSidePx = 1300;
const leastSidePx = 860;
const legendPx = 380;
const legendHeightPx = 485;
/** In columns of text. */
const longestLabel = 24;

/** PNG of the explanation with its legend. */
export async function whyPng(image: GreyImage, explanation: Explanation, name: string): Promise<Uint8Array> {
  const longer = Math.max(image.width, image.height);
  const scale = longer > longestSidePx ? longestSidePx / longer : Math.max(1, leastSidePx / longer);
  const { first, second, known, positions, patchPx } = explanation;
  const [likeliest, other] = [labelText(first), labelText(second)];
  const unknown = known === false ? 'Probably none of these surfaces: ' : '';
  const patches = `${counted(positions.length, 'patch', 'patches')} of ${patchPx} pixels`;
  return annotatedPng({
    picture: await colouredPicture(image, explanation, scale),
    title: `Why ${likeliest}? ${withoutMiddle(name, 50)}`,
    remark: `${unknown}${likeliest} ${percent(first.probability)}, then ${other} ${percent(second.probability)}; ${patches}`,
    legend: {
      width: legendPx,
      height: legendHeightPx,
      elements: (left, top) => legend(explanation, left, top),
    },
  });
}

/** A data URL of the explained picture, as large as its thumbnail. */
export async function whyThumbnail(image: GreyImage, explanation: Explanation): Promise<string> {
  const scale = Math.min(1, thumbnailPx / Math.max(image.width, image.height));
  const maps = explanation.maps.map((map) => smoothed(map));
  return thumbnail(await colouredPicture(image, { ...explanation, maps }, scale));
}

/** Of the squares around a pixel that a small picture averages, whose single pixels are too fine to see. */
const smoothingPx = 11;

/** The mean of the square around each pixel of a map `[64,64]`, as much of it as is inside. */
function smoothed(map: Float64Array): Float64Array {
  const reach = (smoothingPx - 1) / 2;
  const along = (values: Float64Array, stridePx: number, linePx: number) => {
    const means = new Float64Array(values.length);
    for (let line = 0; line < inputPx; line++) {
      for (let i = 0; i < inputPx; i++) {
        const [from, to] = [Math.max(0, i - reach), Math.min(inputPx - 1, i + reach)];
        let sum = 0;
        for (let k = from; k <= to; k++) sum += values[line * linePx + k * stridePx] as number;
        means[line * linePx + i * stridePx] = sum / (to - from + 1);
      }
    }
    return means;
  };
  return along(along(map, 1, inputPx), inputPx, 1);
}

/** The scaled picture under its evidence. What no patch covers is pale. */
async function colouredPicture(
  image: GreyImage,
  { patchPx, positions, maps }: Explanation,
  scale: number,
): Promise<Raster> {
  const [width, height] = [image.width, image.height].map((side) =>
    Math.max(1, Math.round(side * scale)),
  ) as [number, number];
  const grey = await scaledLevels(image, width, height);
  const limit = evidenceLimit(maps);
  const data = Buffer.alloc(3 * width * height);
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at++) {
      const [sourceX, sourceY] = [(x + 0.5) / scale, (y + 0.5) / scale];
      let sum = 0;
      let covering = 0;
      positions.forEach(({ x: left, y: top }, i) => {
        const u = Math.floor(((sourceX - left) * inputPx) / patchPx);
        const v = Math.floor(((sourceY - top) * inputPx) / patchPx);
        if (u < 0 || v < 0 || u >= inputPx || v >= inputPx) return;
        sum += maps[i]?.[v * inputPx + u] ?? 0;
        covering++;
      });
      const level = grey[at] as number;
      if (covering === 0) data.fill(Math.round(150 + level * 0.38), 3 * at, 3 * at + 3);
      else data.set(evidenceColour(level, sum / covering / limit), 3 * at);
    }
  }
  return { data, width, height };
}

function labelText({ label }: { readonly label: string }): string {
  return withoutMiddle(oneLine(label), longestLabel);
}

/** Scale of the colours, and the sums of the evidence. */
function legend({ first, second, total, bias, stages }: Explanation, left: number, top: number): Markup {
  const { ink, muted, rule } = lightPalette;
  const right = left + legendPx;
  const [likeliest, other] = [labelText(first), labelText(second)];
  const hex = (colour: readonly number[]) =>
    `#${colour.map((part) => part.toString(16).padStart(2, '0')).join('')}`;
  const rows: readonly (readonly [text: string, value: number])[] = [
    ...stages.flatMap(({ windowPx, means, deviations }) => [
      [`windows of ${windowPx} pixels: means`, means] as const,
      [`windows of ${windowPx} pixels: deviations`, deviations] as const,
    ]),
    ['bias', bias],
  ];
  const line = (text: string, value: string, y: number): Markup =>
    html`<text x="${left}" y="${y}" font-size="16" fill="${ink}">${text}</text><text x="${right}" y="${y}" font-size="16" text-anchor="end" fill="${ink}">${value}</text><line x1="${left}" x2="${right}" y1="${y + 9}" y2="${y + 9}" stroke="${rule}"/>`;
  const signed = (value: number) => withSign(value, (size) => size.toFixed(2));
  const tableTop = top + 186;
  return html`<defs><linearGradient id="scale"><stop offset="0" stop-color="${hex(evidenceColours.second)}"/><stop offset="0.5" stop-color="#b9b6b0"/><stop offset="1" stop-color="${hex(evidenceColours.first)}"/></linearGradient></defs>
<rect x="${left}" y="${top}" width="${legendPx}" height="20" rx="3" fill="url(#scale)"/>
<text x="${left}" y="${top + 42}" font-size="16" fill="${ink}">speaks for ${other}</text>
<text x="${right}" y="${top + 63}" font-size="16" text-anchor="end" fill="${ink}">speaks for ${likeliest}</text>
<text x="${left}" y="${top + 107}" font-size="16" fill="${muted}">What the places add to the logit of the</text>
<text x="${left}" y="${top + 128}" font-size="16" fill="${muted}">orange class minus that of the blue class,</text>
<text x="${left}" y="${top + 149}" font-size="16" fill="${muted}">by stage of the network:</text>
<text x="${left}" y="${tableTop + rows.length * 30 + 36}" font-size="14" fill="${muted}">The colours contain the bias, spread evenly.</text>
<text x="${left}" y="${tableTop + rows.length * 30 + 56}" font-size="14" fill="${muted}">Pale: no patch is there.</text>
${rows.map(([text, value], i) => line(text, signed(value), tableTop + i * 30))}
${line('in all', signed(total), tableTop + rows.length * 30)}`;
}
