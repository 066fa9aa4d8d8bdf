/** HTML and SVG templates, which escape everything that is inserted unless it is markup from a template. */

export interface Markup {
  readonly markup: string;
}

type Content = string | number | Markup | readonly Markup[];

/**
 * Template tag. Texts and numbers are escaped for elements and double-quoted attributes; markup is inserted
 * unchanged.
 */
export function html(strings: TemplateStringsArray, ...contents: readonly Content[]): Markup {
  const parts = strings.map((text, i) => text + contentMarkup(contents[i] ?? ''));
  return { markup: parts.join('') };
}

/** Trusts text that this code wrote, such as a figure. Never for text from a file. */
export function trustedMarkup(markup: string): Markup {
  return { markup };
}

export const nothing: Markup = { markup: '' };

function contentMarkup(content: Content): string {
  if (typeof content === 'string' || typeof content === 'number') return escaped(String(content));
  return 'markup' in content ? content.markup : content.map(({ markup }) => markup).join('');
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escaped(text: string): string {
  return displayable(text).replace(/[&<>"']/g, (character) => entities[character] as string);
}

/** Replaces characters that XML forbids or that have no glyph (controls, lone surrogates) by U+FFFD. */
function displayable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cs}\uFFFE\uFFFF]/gu, '\uFFFD');
}

/** At most `characters` of a text, the last an ellipsis if something was cut. */
export function shortened(text: string, characters: number): string {
  const letters = Array.from(displayable(text));
  return letters.length <= characters ? letters.join('') : `${letters.slice(0, characters - 1).join('')}…`;
}

/** The name of a class or file, shortened if it is very long. */
export function nameText(name: string): string {
  return shortened(name, 80);
}
