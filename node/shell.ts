/** Quotes commands that people paste into a POSIX shell. */
import { printable } from '../model/words.ts';

/** `npm run NAME -- ARGS`, quoted, or `npm run NAME`. */
export function npmRun(name: string, ...args: readonly string[]): string {
  return ['npm', 'run', name, ...(args.length > 0 ? ['--'] : []), ...args.map(quoted)].join(' ');
}

/** Quotes one word. Control characters become escapes that bash, zsh and ksh understand (`$'...'`). */
export function quoted(word: string): string {
  if (/^[\w./:@%+,-][\w./:=@%+,-]*$/.test(word)) return word;
  const escaped = printable(word);
  if (escaped === word && !word.includes('\n')) return `'${word.replaceAll("'", "'\\''")}'`;
  const plain = word.replaceAll('\\', '\\\\').replaceAll("'", "\\'");
  return `$'${printable(plain).replaceAll('\n', '\\n')}'`;
}
