/**
 * Figures as SVG text. A drawing is what stands between the tags, with its size; it becomes a file of its own (with its paper
 * under it) or a part of the page. Charts are laid out by Observable Plot, whose document here is linkedom's.
 */
import * as Plot from '@observablehq/plot';
import { parseHTML } from 'linkedom';
import { html, type Markup, ownMarkup } from './markup.ts';
import { bookFace, lightPalette, type Palette } from './palette.ts';

export interface Drawing {
  readonly width: number;
  readonly height: number;
  /** SVG elements. Text is centred, 11 px and in the current colour unless it says otherwise. */
  readonly body: string;
}

/** The part of a document that is used here; the project is compiled without the browser's types. */
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

/** Sets drawings of one size side by side, `columns` to a row. */
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

/** A file's text: the drawing on light paper with its heading above it, in colours and faces that do not depend on the viewer. */
export function svgFile(drawing: Drawing, heading: string): string {
  const headingPx = 34;
  const marginPx = 14;
  const width = drawing.width + 2 * marginPx;
  const height = drawing.height + headingPx + marginPx;
  const { paper, ink } = lightPalette;
  return `${
    html`<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="${heading}" ${rootStyle(lightPalette)}>
<rect width="${width}" height="${height}" fill="${paper}"/>
<text x="${marginPx}" y="23" text-anchor="start" font-size="15" fill="${ink}">${heading}</text>
<g transform="translate(${marginPx},${headingPx})">
${ownMarkup(drawing.body)}
</g>
</svg>`.markup
  }\n`;
}

/** The drawing as an element of the page, no wider than its place. */
export function svgElement({ width, height, body }: Drawing, label: string, palette: Palette): Markup {
  return html`<svg width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="${label}" ${rootStyle(palette)}>${ownMarkup(body)}</svg>`;
}

function rootStyle({ ink }: Palette): Markup {
  return ownMarkup(
    `font-family="${bookFace}" font-size="11" text-anchor="middle" fill="currentColor" color="${ink}"`,
  );
}
