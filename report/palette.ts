/**
 * The colours and the typeface of all figures and pages. SVG files get literal colours, which any viewer
 * shows; figures inside a page use its custom properties, so that they follow light and dark mode.
 */

const colourNames = ['paper', 'ink', 'muted', 'rule', 'training', 'validation', 'wrong'] as const;
export type Palette = { readonly [name in (typeof colourNames)[number]]: string };

export const lightPalette: Palette = {
  paper: '#fbf8f1',
  ink: '#1f2430',
  muted: '#6b675e',
  rule: '#ddd6c6',
  training: '#a2650c',
  validation: '#23468c',
  wrong: '#b4281e',
};

export const darkPalette: Palette = {
  paper: '#16191f',
  ink: '#e8e2d4',
  muted: '#a19b8d',
  rule: '#353a44',
  training: '#dda655',
  validation: '#8db1f2',
  wrong: '#ff7f6e',
};

/** Refers to the custom properties that `customProperties` declares. */
export const pagePalette: Palette = {
  paper: 'var(--paper)',
  ink: 'var(--ink)',
  muted: 'var(--muted)',
  rule: 'var(--rule)',
  training: 'var(--training)',
  validation: 'var(--validation)',
  wrong: 'var(--wrong)',
};

/** The palette as CSS declarations. */
export function customProperties(palette: Palette): string {
  return colourNames.map((name) => `--${name}:${palette[name]};`).join('');
}

/** Serif fonts that systems have; nothing is downloaded. Single quotes, so that it fits into an attribute. */
export const serifFonts =
  "'Iowan Old Style','Palatino Linotype',Palatino,'TeX Gyre Pagella','Source Serif 4',Georgia,'DejaVu Serif',serif";
