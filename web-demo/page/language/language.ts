/** The page's languages. What stands in the page is marked with the key of its text, so that a change of language finds it. */
import { element } from '../dom/element.ts';
import { signal } from '../dom/signal.ts';
import { keepText, keptText } from '../storage.ts';
import { english, type TextKey, type Texts } from './english.ts';
import { spanish } from './spanish.ts';

export type { TextKey } from './english.ts';
export type Values = Readonly<Record<string, string | number>>;

const languages = { en: english, es: spanish } as const satisfies Record<string, Texts>;
export type Language = keyof typeof languages;
export const languageNames: Readonly<Record<Language, string>> = { en: 'English', es: 'Español' };

const storageKey = 'textura.language';

export const language = signal<Language>(chosenLanguage());

function chosenLanguage(): Language {
  const wishes = [keptText(storageKey) ?? '', ...navigator.languages];
  const known = wishes.map((wish) => wish.slice(0, 2)).find((wish) => wish in languages);
  return (known ?? 'en') as Language;
}

/** Changes the language of all marked texts below `root`, and of the document. */
export function setLanguage(next: Language, root: ParentNode): void {
  keepText(storageKey, next, 'language');
  language.set(next);
  document.documentElement.lang = next;
  for (const marked of root.querySelectorAll<HTMLElement>('[data-text]')) {
    marked.textContent = textOf(marked.dataset.text as TextKey);
  }
  for (const marked of root.querySelectorAll<HTMLElement>('[data-label]')) {
    marked.setAttribute('aria-label', textOf(marked.dataset.label as TextKey));
  }
}

/** The text of a key in the language at hand, `{name}` replaced by the value of that name. */
export function textOf(key: TextKey, values: Values = {}): string {
  return languages[language.get()][key].replace(/\{(\w+)\}/g, (whole, name: string) =>
    String(values[name] ?? whole),
  );
}

/** Attributes of an element whose text follows the language. */
export function labelled(key: TextKey): { readonly 'data-label': string; readonly 'aria-label': string } {
  return { 'data-label': key, 'aria-label': textOf(key) };
}

/** An element whose content is the text of a key and follows the language. */
export function said<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  key: TextKey,
  attributes: Parameters<typeof element>[1] = {},
): HTMLElementTagNameMap[K] {
  return element(tag, { ...attributes, 'data-text': key }, textOf(key));
}

/** Writes a text with values into an element; the view that calls writes it again when the language changes. */
export function say(into: Element, key: TextKey, values: Values = {}): void {
  const text = textOf(key, values);
  if (into.textContent !== text) into.textContent = text;
}

export function formatNumber(value: number, digits = 0): string {
  return value.toLocaleString(language.get(), {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
}

export function formatPercent(share: number, digits = 0): string {
  return `${formatNumber(100 * share, digits)} %`;
}

export function formatList(parts: readonly string[]): string {
  return new Intl.ListFormat(language.get(), { type: 'unit', style: 'long' }).format(parts);
}
