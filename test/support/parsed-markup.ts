/** Reading back figures and pages in tests, by what is in them. */
import { parseHTML } from 'linkedom';

/** The part of an element that tests look at; the project is compiled without the browser's types. */
export interface ParsedElement {
  readonly textContent: string;
  readonly localName: string;
  getAttribute(name: string): string | null;
  querySelector(selector: string): ParsedElement | null;
  querySelectorAll(selector: string): Iterable<ParsedElement>;
}

export function parsed(markup: string): ParsedElement {
  return parseHTML(markup).document;
}

export function all(root: ParsedElement, selector: string): readonly ParsedElement[] {
  return Array.from(root.querySelectorAll(selector));
}

export function texts(root: ParsedElement, selector: string): readonly string[] {
  return all(root, selector).map(({ textContent }) => textContent);
}

/** A numeric attribute. */
export function numberOf(element: ParsedElement, attribute: string): number {
  return Number(element.getAttribute(attribute) ?? Number.NaN);
}
