/** Commands that are printed for a person to paste: whatever a path holds, a POSIX shell reads it back as one word. */
import { printable } from '../model/words.ts';

/** `npm run NAME -- ARGS`, quoted, or `npm run NAME`. */
export function npmRun(name: string, ...args: readonly string[]): string {
  return ['npm', 'run', name, ...(args.length > 0 ? ['--'] : []), ...args.map(quoted)].join(' ');
}

/** One word of a shell's command line. What a terminal can't show is written in escapes, which bash, zsh and ksh read (`$'...'`). */
export function quoted(word: string): string {
  if (/^[\w./:@%+,-][\w./:=@%+,-]*$/.test(word)) return word;
  const escaped = printable(word);
  if (escaped === word && !word.includes('\n')) return `'${word.replaceAll("'", "'\\''")}'`;
  const plain = word.replaceAll('\\', '\\\\').replaceAll("'", "\\'");
  return `$'${printable(plain).replaceAll('\n', '\\n')}'`;
}
