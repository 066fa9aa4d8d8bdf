/** Draws an explanation: the picture under the colours of its two likeliest classes, and what the numbers are. */
import sharp from 'sharp';
import { percent } from '../../model/format.ts';
import type { GreyImage } from '../../model/image.ts';
import { inputPx } from '../../model/patch.ts';
import { counted, oneLine } from '../../model/words.ts';
import { html, type Markup } from '../../report/markup.ts';
import { lightPalette, serifFonts } from '../../report/palette.ts';
import type { Explanation } from './why-image.ts';

const longestSidePx = 1300;
const leastSidePx = 860;
const marginPx = 36;
const legendPx = 380;
const titlePx = 66;
/** For the line below the title. */
const leastWidthPx = 760;

/** Of the likeliest class and of the second. */
const firstColour = [226, 122, 24] as const;
const secondColour = [42, 98, 190] as const;
const strongest = 0.82;
/** Share of the pixels whose evidence is within the scale of the colours. */
const scaledShare = 0.98;

/** PNG of the explanation with its legend. The texts need a font on the machine; without one they are left out. */
export async function whyPng(image: GreyImage, explanation: Explanation, name: string): Promise<Uint8Array> {
  const longer = Math.max(image.width, image.height);
  const scale = longer > longestSidePx ? longestSidePx / longer : Math.max(1, leastSidePx / longer);
  const [width, height] = [image.width, image.height].map((side) => Math.round(side * scale)) as [
    number,
    number,
  ];
  const grey = await sharp(image.data, { raw: { width: image.width, height: image.height, channels: 1 } })
    .resize(width, height, { fit: 'fill' })
    .toColourspace('b-w')
    .raw()
    .toBuffer();
  const drawn = coloured(grey, { width, height, scale }, explanation);
  const canvas = {
    width: Math.max(3 * marginPx + width + legendPx, leastWidthPx),
    height: titlePx + marginPx + Math.max(height, 430) + marginPx,
  };
  return sharp({ create: { ...canvas, channels: 3, background: lightPalette.paper } })
    .composite([
      { input: drawn, raw: { width, height, channels: 3 }, left: marginPx, top: titlePx + marginPx },
      { input: Buffer.from(legend(explanation, name, canvas, 2 * marginPx + width)) },
    ])
    .png({ compressionLevel: 9 })
    .toBuffer();
}

interface Size {
  readonly width: number;
  readonly height: number;
  /** Pixels of the drawing per pixel of the picture. */
  readonly scale: number;
}

/** `[height,width,3]`; what no patch covers is pale. */
function coloured(grey: Buffer, { width, height, scale }: Size, explanation: Explanation): Buffer {
  const { patchPx, positions, maps } = explanation;
  const limit =
    quantile(
      maps.flatMap((map) => Array.from(map, Math.abs)),
      scaledShare,
    ) || 1;
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
      else data.set(blended(level, sum / covering / limit), 3 * at);
    }
  }
  return data;
}

/** The grey level under a colour whose strength is the evidence, -1..1 and clipped beyond. */
function blended(level: number, evidence: number): readonly number[] {
  const colour = evidence > 0 ? firstColour : secondColour;
  const strength = strongest * Math.min(1, Math.abs(evidence)) ** 0.8;
  const light = 0.45 + 0.65 * (level / 255);
  return colour.map((part) => Math.round(level + strength * (Math.min(255, part * light) - level)));
}

function quantile(values: number[], share: number): number {
  return values.sort((a, b) => a - b)[Math.floor(share * (values.length - 1))] ?? 0;
}

/** Title, scale of the colours, and the sums of the evidence, as SVG. */
function legend(
  { first, second, positions, patchPx, total, bias, stages }: Explanation,
  name: string,
  canvas: { readonly width: number; readonly height: number },
  left: number,
): string {
  const { ink, muted, rule } = lightPalette;
  const right = left + legendPx;
  const top = titlePx + marginPx;
  const [likeliest, other] = [first, second].map(({ label }) => shortened(oneLine(label), 18)) as [
    string,
    string,
  ];
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
  const signed = (value: number) => `${value < 0 ? '\u2212' : '+'}${Math.abs(value).toFixed(2)}`;
  const tableTop = top + 150;
  return html`<svg xmlns="http://www.w3.org/2000/svg" width="${canvas.width}" height="${canvas.height}" font-family="${serifFonts}">
<defs><linearGradient id="scale"><stop offset="0" stop-color="${hex(secondColour)}"/><stop offset="0.5" stop-color="#b9b6b0"/><stop offset="1" stop-color="${hex(firstColour)}"/></linearGradient></defs>
<text x="${marginPx}" y="${marginPx + 24}" font-size="27" fill="${ink}">Why ${likeliest}? ${shortened(name, 50)}</text>
<text x="${marginPx}" y="${marginPx + 51}" font-size="16" fill="${muted}">${likeliest} ${percent(first.probability)}, then ${other} ${percent(second.probability)}; ${counted(positions.length, 'patch', 'patches')} of ${patchPx} pixels</text>
<rect x="${left}" y="${top}" width="${legendPx}" height="20" rx="3" fill="url(#scale)"/>
<text x="${left}" y="${top + 42}" font-size="16" fill="${ink}">speaks for ${other}</text>
<text x="${right}" y="${top + 42}" font-size="16" text-anchor="end" fill="${ink}">speaks for ${likeliest}</text>
<text x="${left}" y="${top + 92}" font-size="16" fill="${muted}">What the places add to the logit of ${likeliest}</text>
<text x="${left}" y="${top + 113}" font-size="16" fill="${muted}">minus that of ${other}, by stage of the network:</text>
<text x="${left}" y="${tableTop + rows.length * 30 + 36}" font-size="14" fill="${muted}">The colours contain the bias, spread evenly.</text>
${rows.map(([text, value], i) => line(text, signed(value), tableTop + i * 30))}
${line('in all', signed(total), tableTop + rows.length * 30)}
</svg>`.markup;
}

function shortened(text: string, most: number): string {
  const letters = Array.from(text);
  return letters.length <= most ? text : `${letters.slice(0, most - 1).join('')}\u2026`;
}
