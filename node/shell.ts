/** Commands that people paste into a POSIX shell. */
import { printable } from '../model/words.ts';
import { isPackaged } from './own-module.ts';

/**
 * One of our commands, quoted, as it is started here: `npm run NAME -- ARGS` in the repository, `npx textura
 * NAME ARGS` from the npm package.
 */
export function commandText(name: string, ...args: readonly string[]): string {
  return args.length > 0 || isPackaged()
    ? [commandStart(name), ...args.map(quoted)].join(' ')
    : `${commandPrefix()} ${name}`;
}

/** The words before the options of a command: npm needs `--` there. */
export function commandStart(name: string): string {
  return `${commandPrefix()} ${name}${isPackaged() ? '' : ' --'}`;
}

/** The words before the name of a command. */
export function commandPrefix(): string {
  return isPackaged() ? 'npx textura' : 'npm run';
}

/** Quotes one word. Control characters become escapes that bash, zsh and ksh understand (`$'...'`). */
export function quoted(word: string): string {
  if (/^[\w./:@%+,-][\w./:=@%+,-]*$/.test(word)) return word;
  const escaped = printable(word);
  if (escaped === word && !word.includes('\n')) return `'${word.replaceAll("'", "'\\''")}'`;
  const plain = word.replaceAll('\\', '\\\\').replaceAll("'", "\\'");
  return `$'${printable(plain).replaceAll('\n', '\\n')}'`;
}
