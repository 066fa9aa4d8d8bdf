/** HTML and SVG by template: whatever is put into one is escaped, unless it is itself markup that a template made. */

export interface Markup {
  readonly markup: string;
}

type Content = string | number | Markup | readonly Markup[];

/** Template tag. Texts and numbers are escaped for elements and double-quoted attributes; markup goes in as it is. */
export function html(strings: TemplateStringsArray, ...contents: readonly Content[]): Markup {
  const parts = strings.map((text, i) => text + contentMarkup(contents[i] ?? ''));
  return { markup: parts.join('') };
}

/** Markup that our own code wrote as text, such as a figure. Never for text from a file. */
export function ownMarkup(markup: string): Markup {
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
  return printable(text).replace(/[&<>"']/g, (character) => entities[character] as string);
}

/** The text with characters that XML forbids or that a line cannot show (controls, lone surrogates) as U+FFFD. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cs}\uFFFE\uFFFF]/gu, '\uFFFD');
}

/** At most `characters` of a text, the last an ellipsis where something was cut. */
export function shortened(text: string, characters: number): string {
  const letters = Array.from(printable(text));
  return letters.length <= characters ? letters.join('') : `${letters.slice(0, characters - 1).join('')}…`;
}
