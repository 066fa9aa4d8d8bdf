/**
 * The page's languages. Elements carry the key of their text in `data-text` or `data-label`, so that a change
 * of language can update them.
 */
import { fileSize, small } from '../../../model/format.ts';
import type { PageFault } from '../../shared/faults.ts';
import { element } from '../dom/element.ts';
import { signal } from '../dom/signal.ts';
import { storedText, storeText } from '../storage.ts';
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
  const preferred = [storedText(storageKey) ?? '', ...navigator.languages];
  const known = preferred.map((tag) => tag.slice(0, 2)).find((tag) => tag in languages);
  return (known ?? 'en') as Language;
}

/** Sets the language of the document and of all texts below `root`. */
export function setLanguage(next: Language, root: ParentNode): void {
  storeText(storageKey, next, 'language');
  language.set(next);
  document.documentElement.lang = next;
  for (const node of root.querySelectorAll<HTMLElement>('[data-text]')) {
    node.textContent = textOf(node.dataset.text as TextKey);
  }
  for (const node of root.querySelectorAll<HTMLElement>('[data-label]')) {
    node.setAttribute('aria-label', textOf(node.dataset.label as TextKey));
  }
}

/**
 * The text of a key in the current language. `{name}` is replaced by the value of that name; whole numbers
 * are grouped as the language does.
 */
export function textOf(key: TextKey, values: Values = {}): string {
  return languages[language.get()][key].replace(/\{(\w+)\}/g, (whole, name: string) => {
    const value = values[name] ?? whole;
    return Number.isInteger(value) ? formatNumber(Number(value)) : String(value);
  });
}

/** A fault and what to do about it, in the page's language. */
export function faultText({ code, values }: PageFault): string {
  return textOf(`fault.${code}`, values);
}

/** Attributes for an `aria-label` that follows the language. */
export function ariaLabel(key: TextKey): { readonly 'data-label': string; readonly 'aria-label': string } {
  return { 'data-label': key, 'aria-label': textOf(key) };
}

/** An element whose text follows the language. */
export function textElement<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  key: TextKey,
  attributes: Parameters<typeof element>[1] = {},
): HTMLElementTagNameMap[K] {
  return element(tag, { ...attributes, 'data-text': key }, textOf(key));
}

/** Gives an element another text that follows the language. */
export function showText(into: HTMLElement, key: TextKey): void {
  into.dataset.text = key;
  setText(into, key);
}

/** Sets a text with values. The caller does so again when the language changes. */
export function setText(into: Element, key: TextKey, values: Values = {}): void {
  const text = textOf(key, values);
  if (into.textContent !== text) into.textContent = text;
}

export function formatNumber(value: number, digits = 0): string {
  return value.toLocaleString(language.get(), {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
}

export function formatFileSize(bytes: number): string {
  return fileSize(bytes, language.get());
}

export function formatPercent(share: number, digits = 0): string {
  return `${formatNumber(100 * share, digits)} %`;
}

export function formatSmall(value: number): string {
  return small(value, language.get());
}

export function formatList(parts: readonly string[]): string {
  return new Intl.ListFormat(language.get(), { type: 'unit', style: 'long' }).format(parts);
}
