/**
 * Draws a class map: the picture tinted with the colours of its classes, and a legend with their shares of the
 * area. What is none of the classes keeps its greys under a hatching.
 */
import { count, percent } from '../../model/format.ts';
import { counted, oneLine, withoutMiddle } from '../../model/words.ts';
import { html, type Markup } from '../../report/markup.ts';
import { lightPalette } from '../../report/palette.ts';
import { annotatedPng, type Raster, scaledLevels } from '../../report/pictures.ts';
import { areaShares, type ClassMap, type ClassShare, unknownClass } from './class-map.ts';

/** Longer side of the drawn picture in pixels; smaller pictures are enlarged to the second. */
export const longestSidePx = 1500;
const leastSidePx = 720;

const legendPx = 330;
/** Most columns of a class's name in the legend; its percentage follows. */
const longestLabel = 22;
const rowPx = 34;
const swatchPx = 20;

/**
 * In the order of use, the largest class first: hues far apart, with alternating lightness, so that neighbours
 * differ for people who confuse red and green, too.
 */
const colours = [
  '#3b76c4',
  '#f0a63a',
  '#3f9b6c',
  '#d9534f',
  '#8d6bc0',
  '#55bcd0',
  '#c9c13d',
  '#e07fb0',
  '#8a5a3c',
  '#7fbf5a',
  '#2b4a8b',
  '#b0347a',
] as const;
const otherColour = '#9a948a';

type Rgb = readonly [red: number, green: number, blue: number];

interface MapTexts {
  /** Name of the picture. */
  readonly name: string;
  readonly model: string;
  readonly labels: readonly string[];
  readonly patchPx: number;
}

interface LegendEntry {
  readonly text: string;
  readonly share: number;
  /** Undefined for what is none of the classes. */
  readonly colour: string | undefined;
}

/** PNG of the map with its legend. */
export async function mapPng(map: ClassMap, texts: MapTexts): Promise<Uint8Array> {
  const shares = areaShares(map);
  const shown = shares.filter(({ index }) => index !== unknownClass).slice(0, colours.length);
  const colourOf = new Map(shown.map(({ index }, i) => [index, colours[i] as string]));
  const picture = await tinted(map, colourOf);
  const entries = legendEntries(shares, colourOf, texts.labels);
  const size = `${count(map.width)} x ${count(map.height)} pixels`;
  const patches = `${counted(map.patches, 'patch', 'patches')} of ${texts.patchPx} pixels, one every ${map.cellPx}`;
  return annotatedPng({
    picture,
    title: withoutMiddle(texts.name, 70),
    remark: `${size}, classified by ${oneLine(texts.model)} (${patches})`,
    legend: {
      width: legendPx,
      height: entries.length * rowPx,
      elements: (left, top) => legend(entries, left, top),
    },
  });
}

function legendEntries(
  shares: readonly ClassShare[],
  colourOf: ReadonlyMap<number, string>,
  labels: readonly string[],
): readonly LegendEntry[] {
  const entries: LegendEntry[] = [];
  const others = { share: 0, classes: 0 };
  for (const { index, share } of shares) {
    const colour = colourOf.get(index);
    if (colour !== undefined) entries.push({ text: oneLine(labels[index] ?? ''), share, colour });
    else if (index !== unknownClass) {
      others.share += share;
      others.classes++;
    }
  }
  const unknown = shares.find(({ index }) => index === unknownClass)?.share;
  const otherText = counted(others.classes, 'other class', 'other classes');
  return [
    ...entries,
    ...(others.classes === 0 ? [] : [{ text: otherText, share: others.share, colour: otherColour }]),
    ...(unknown === undefined ? [] : [{ text: 'none of the classes', share: unknown, colour: undefined }]),
  ];
}

/** Lowest strength of a tint, for a class that is hardly likelier than the others. */
const leastTint = 0.3;

async function tinted(map: ClassMap, colourOf: ReadonlyMap<number, string>): Promise<Raster> {
  const { preview } = map;
  const longer = Math.max(preview.width, preview.height);
  const scale = Math.max(1, leastSidePx / longer);
  const [width, height] = [Math.round(preview.width * scale), Math.round(preview.height * scale)];
  const grey = await scaledLevels(preview, width, height);
  const paper = rgbOf(lightPalette.paper);
  const tints = new Map([...colourOf].map(([index, colour]) => [index, rgbOf(colour)] as const));
  const other = rgbOf(otherColour);
  const data = Buffer.alloc(3 * width * height);
  const columnOf = Uint32Array.from({ length: width }, (_, x) => cellOf(x, width, map.width, map.cellPx));
  for (let y = 0, at = 0; y < height; y++) {
    const row = cellOf(y, height, map.height, map.cellPx);
    const below = Math.min(map.rows - 1, cellOf(Math.min(height - 1, y + 1), height, map.height, map.cellPx));
    for (let x = 0; x < width; x++, at++) {
      const column = columnOf[x] as number;
      const right = columnOf[Math.min(width - 1, x + 1)] as number;
      const cell = row * map.columns + column;
      const index = map.classes[cell] as number;
      const isEdge =
        index !== map.classes[row * map.columns + right] ||
        index !== map.classes[below * map.columns + column];
      const level = grey[at] as number;
      const colour = isEdge
        ? paper
        : index === unknownClass
          ? hatched(level, x, y)
          : tint(level, tints.get(index) ?? other, map.probabilities[cell] as number);
      data.set(colour, 3 * at);
    }
  }
  return { data, width, height };
}

/** The cell of a pixel of the drawing. */
function cellOf(pixel: number, drawn: number, source: number, cellPx: number): number {
  return Math.floor(((pixel + 0.5) * source) / drawn / cellPx);
}

/** The colour at the brightness of the picture; paler where the class is less likely. */
function tint(level: number, colour: Rgb, probability: number): Rgb {
  const strength = leastTint + (1 - leastTint) * probability;
  const light = 0.42 + 0.7 * (level / 255);
  const mix = (part: number) => {
    const own = Math.min(255, part * light);
    return Math.round(level + strength * (own - level));
  };
  return [mix(colour[0]), mix(colour[1]), mix(colour[2])];
}

const hatchPx = 9;

/** Greys, lightened, under diagonal lines. */
function hatched(level: number, x: number, y: number): Rgb {
  const grey = Math.round(110 + level * 0.5);
  const line = (x + y) % hatchPx < 2 ? Math.round(grey * 0.45) : grey;
  return [line, line, line];
}

function rgbOf(hex: string): Rgb {
  const part = (at: number) => Number.parseInt(hex.slice(at, at + 2), 16);
  return [part(1), part(3), part(5)];
}

function legend(entries: readonly LegendEntry[], left: number, top: number): Markup {
  const { ink, rule } = lightPalette;
  const right = left + legendPx;
  const lines = entries.map(({ text, share, colour }, i) => {
    const y = top + i * rowPx;
    const fill = colour ?? 'url(#hatch)';
    return html`<rect x="${left}" y="${y}" width="${swatchPx}" height="${swatchPx}" rx="3" fill="${fill}"/>
<text x="${left + swatchPx + 12}" y="${y + 16}" font-size="18" fill="${ink}">${withoutMiddle(text, longestLabel)}</text>
<text x="${right}" y="${y + 16}" font-size="18" text-anchor="end" fill="${ink}">${percent(share)}</text>
<line x1="${left}" x2="${right}" y1="${y + 27}" y2="${y + 27}" stroke="${rule}"/>`;
  });
  return html`<defs><pattern id="hatch" width="6.4" height="6.4" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect width="6.4" height="6.4" fill="#b9b6b0"/><rect width="1.6" height="6.4" fill="#56534e"/></pattern></defs>
${lines}`;
}
