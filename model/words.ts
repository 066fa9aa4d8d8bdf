/** Helpers for messages: numbers with their nouns, and text from outside, which can contain any character. */
import { count } from './format.ts';

/**
 * `1 file`, `2 files`, `12,375 patches`: the number with thousands separators and the noun in singular or
 * plural.
 */
export function counted(number: number, one: string, many = `${one}s`): string {
  return `${count(number)} ${number === 1 ? one : many}`;
}

/** `none is`, `1 is`, `2 are`. */
export function numberIs(number: number): string {
  return number === 0 ? 'none is' : counted(number, 'is', 'are');
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

/** Characters as wide as two others. */
const wide =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Emoji_Presentation}\uff01-\uff60]/u;

/**
 * A name of at most `columns` columns. A longer one loses its middle, because names of one folder often start
 * with the same words.
 */
export function withoutMiddle(name: string, columns: number): string {
  const letters = Array.from(name);
  const widthOf = (letter: string) => (wide.test(letter) ? 2 : 1);
  if (letters.reduce((sum, letter) => sum + widthOf(letter), 0) <= columns) return name;
  const fitting = (ordered: readonly string[], most: number) => {
    let width = 0;
    return ordered.findIndex((letter) => {
      width += widthOf(letter);
      return width > most;
    });
  };
  const head = fitting(letters, Math.ceil((columns - 1) / 2));
  const tail = fitting(letters.toReversed(), Math.floor((columns - 1) / 2));
  return `${letters.slice(0, head).join('').trimEnd()}\u2026${letters
    .slice(letters.length - tail)
    .join('')
    .trimStart()}`;
}

const listedNames = 5;

/** The first names from outside, and the number of the others: `a, b, c, d, e and 7 more`. */
export function listed(names: readonly string[]): string {
  const shown = oneLine(names.slice(0, listedNames).join(', '));
  return names.length > listedNames ? `${shown} and ${count(names.length - listedNames)} more` : shown;
}

/** `a`, `a and b`, `a, b and c`. */
export function joinedWithAnd(items: readonly string[]): string {
  return items.length < 2 ? items.join('') : `${items.slice(0, -1).join(', ')} and ${items.at(-1)}`;
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

/**
 * The known word that a mistyped one probably means: the one with the fewest changed, missing or additional
 * letters, if they are at most a third of it.
 */
export function nearestWord(word: string, known: readonly string[]): string | undefined {
  const ranked = known
    .map((candidate) => ({ candidate, changes: changesBetween(word.toLowerCase(), candidate.toLowerCase()) }))
    .sort((a, b) => a.changes - b.changes);
  const [best] = ranked;
  return best !== undefined && best.changes <= Math.max(1, best.candidate.length / 3)
    ? best.candidate
    : undefined;
}

/** Levenshtein's distance; two neighbours in the wrong order count as one change. */
function changesBetween(a: string, b: string): number {
  const rows = [Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const above = rows[i - 1] as number[];
      const replaced = (above[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      let least = Math.min(replaced, (above[j] as number) + 1, (row[j - 1] as number) + 1);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        least = Math.min(least, ((rows[i - 2] as number[])[j - 2] as number) + 1);
      row.push(least);
    }
    rows.push(row);
  }
  return (rows[a.length] as number[])[b.length] as number;
}
