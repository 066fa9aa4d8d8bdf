/** Helpers for messages: numbers with their nouns, and text from outside, which can contain any character. */
import { count } from './format.ts';

/**
 * `1 file`, `2 files`, `12,375 patches`: the number with thousands separators and the noun in singular or
 * plural.
 */
export function counted(number: number, one: string, many = `${one}s`): string {
  return `${count(number)} ${number === 1 ? one : many}`;
}

/**
 * Escapes characters that would move the cursor, clear the screen or change the text direction of a terminal.
 * Line feeds stay, because texts can have several lines; use `oneLine` for names. The escapes are valid in
 * JSON text and do not change its meaning.
 */
export function printable(text: string): string {
  return text.replace(unprintable, escaped);
}

/** Escapes a name from outside (of a file, a class, a model) like `printable`, and also its line feeds. */
export function oneLine(name: string): string {
  return printable(name).replaceAll('\n', '\\n');
}

/**
 * C0 except the line feed, DEL, C1, line and paragraph separators, and bidi embeddings, overrides and
 * isolates.
 */
// biome-ignore lint/suspicious/noControlCharactersInRegex: the expression matches control characters
const unprintable = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g;

const shortEscapes: Readonly<Record<string, string>> = { '\t': '\\t', '\r': '\\r' };

function escaped(character: string): string {
  return shortEscapes[character] ?? `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
