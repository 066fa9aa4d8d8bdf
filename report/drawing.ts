/**
 * Figures as SVG text. A drawing is the content of an svg element with its size; it becomes a file (with a
 * background) or an element of a page. Observable Plot lays out charts, with linkedom as its document.
 */
import * as Plot from '@observablehq/plot';
import { parseHTML } from 'linkedom/worker';
import { html, type Markup, trustedMarkup } from './markup.ts';
import { lightPalette, type Palette, serifFonts } from './palette.ts';

export interface Drawing {
  readonly width: number;
  readonly height: number;
  /** SVG elements. Default text is centred, 11 px, in the current colour. */
  readonly body: string;
}

/** The DOM that is used here; the project is compiled without the browser's types. */
interface SvgElement {
  readonly innerHTML: string;
  querySelector(selector: string): { remove(): void } | null;
}

/** Lays out a chart. Its options must not ask for a title, caption or legend, which would be HTML. */
export function chart(
  options: Plot.PlotOptions & { readonly width: number; readonly height: number },
): Drawing {
  const { document } = parseHTML('<html><body></body></html>');
  const svg: SvgElement = Plot.plot({ ...options, document });
  svg.querySelector('style')?.remove();
  return { width: options.width, height: options.height, body: svg.innerHTML };
}

interface MatrixContent {
  readonly rows: readonly string[];
  readonly columns: readonly string[];
  /** Of the axes, if they have any. */
  readonly titles?: { readonly rows: string; readonly columns: string };
  readonly cellPx: { readonly width: number; readonly height: number };
  /** Gap between cells as a share of their size. */
  readonly padding: number;
  readonly fontPx: number;
  /** The cells, placed by channels `x` and `y` that are indices of columns and rows. */
  readonly marks: readonly Plot.Markish[];
}

/** A chart of cells with a label for each row at the left and for each column, turned upwards, on top. */
export function matrixChart(matrix: MatrixContent, palette: Palette): Drawing {
  const { rows, columns, titles, cellPx, padding, fontPx, marks } = matrix;
  const longestPx = (texts: readonly string[], px: number) =>
    12 + Math.max(0, ...texts.map((text) => Array.from(text).length)) * px * 0.56;
  const widthPx = columns.length * cellPx.width;
  const titlePx = titles === undefined ? 0 : 18;
  const marginTop = longestPx(columns, fontPx) + titlePx;
  const marginLeft = Math.max(longestPx(rows, fontPx) + titlePx, titles ? longestPx([titles.rows], 11) : 0);
  const marginRight = Math.max(14, titles ? longestPx([titles.columns], 11) - widthPx : 0);
  const marginBottom = 8;
  const title = {
    fill: palette.muted,
    fontStyle: 'italic',
    frameAnchor: 'top-left',
    textAnchor: 'start',
  } as const;
  const axis = { tickSize: 0, tickPadding: 4, fontSize: fontPx, label: null, fill: palette.ink } as const;
  const indices = (labels: readonly string[]) => labels.map((_, i) => i);
  return chart({
    width: Math.ceil(marginLeft + widthPx + marginRight),
    height: Math.ceil(marginTop + rows.length * cellPx.height + marginBottom),
    ...{ marginTop, marginLeft, marginRight, marginBottom },
    style: { background: 'none' },
    x: { type: 'band', domain: indices(columns), padding, label: null },
    y: { type: 'band', domain: indices(rows), padding, label: null },
    opacity: { type: 'identity' },
    marks: [
      Plot.axisX({ ...axis, tickFormat: (c: number) => columns[c] ?? '', anchor: 'top', tickRotate: -90 }),
      Plot.axisY({ ...axis, tickFormat: (r: number) => rows[r] ?? '' }),
      titles && Plot.text([titles.columns], { ...title, dy: 2 - marginTop }),
      titles && Plot.text([titles.rows], { ...title, dx: 2 - marginLeft, dy: -18 }),
      ...marks,
    ],
  });
}

/** Arranges drawings of one size in a grid. */
export function arranged(drawings: readonly Drawing[], columns: number): Drawing {
  const width = Math.max(...drawings.map((drawing) => drawing.width));
  const height = Math.max(...drawings.map((drawing) => drawing.height));
  const placed = drawings.map(({ body }, i) => {
    const x = (i % columns) * width;
    const y = Math.floor(i / columns) * height;
    return `<g transform="translate(${x},${y})">${body}</g>`;
  });
  return {
    width: width * Math.min(columns, drawings.length),
    height: height * Math.ceil(drawings.length / columns),
    body: placed.join('\n'),
  };
}

/**
 * The drawing as a file with a heading and a light background, in colours that do not depend on the viewer.
 */
export function svgFile(drawing: Drawing, heading: string): string {
  const headingPx = 34;
  const marginPx = 14;
  const headingWidthPx = Math.ceil(Array.from(heading).length * 8.4);
  const width = Math.max(drawing.width, headingWidthPx) + 2 * marginPx;
  const height = drawing.height + headingPx + marginPx;
  const { paper, ink } = lightPalette;
  return `${
    html`<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="${heading}" ${rootStyle(lightPalette)}>
<rect width="${width}" height="${height}" fill="${paper}"/>
<text x="${marginPx}" y="23" text-anchor="start" font-size="15" fill="${ink}">${heading}</text>
<g transform="translate(${marginPx},${headingPx})">
${trustedMarkup(drawing.body)}
</g>
</svg>`.markup
  }\n`;
}

/** The drawing as an element of a page. */
export function svgElement({ width, height, body }: Drawing, label: string, palette: Palette): Markup {
  return html`<svg width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="${label}" ${rootStyle(palette)}>${trustedMarkup(body)}</svg>`;
}

function rootStyle({ ink }: Palette): Markup {
  return trustedMarkup(
    `font-family="${serifFonts}" font-size="11" text-anchor="middle" fill="currentColor" color="${ink}"`,
  );
}
