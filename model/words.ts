/**
 * What goes into sentences for people: numbers with their nouns, and text from outside, which may hold
 * anything.
 */
import { count } from './format.ts';

/** `1 file`, `2 files`, `12,375 patches`: the number with thousands separators, and the noun in its form. */
export function counted(number: number, one: string, many = `${one}s`): string {
  return `${count(number)} ${number === 1 ? one : many}`;
}

/**
 * Text that a terminal shows as it is: characters that would move the cursor, clear the screen, or turn the
 * direction of what follows are written as escapes. Line feeds stay, because texts of several lines come
 * through here; names take `oneLine`. In JSON text the escapes are JSON's own, so that it means the same.
 */
export function printable(text: string): string {
  return text.replace(unprintable, escaped);
}

/**
 * A name from outside (of a file, a class, a model) for a sentence: as `printable`, and it stays on one line.
 */
export function oneLine(name: string): string {
  return printable(name).replaceAll('\n', '\\n');
}

/**
 * C0 but for the line feed, DEL, C1, line and paragraph separators, embeddings, overrides and isolates of the
 * bidi algorithm.
 */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const unprintable = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g;

const shortEscapes: Readonly<Record<string, string>> = { '\t': '\\t', '\r': '\\r' };

function escaped(character: string): string {
  return shortEscapes[character] ?? `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
