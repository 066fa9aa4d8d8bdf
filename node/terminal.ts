/**
 * A command's output: lines, and on a terminal one status line at the bottom. All output for people goes
 * through here, because file names and labels may contain characters that control a terminal.
 */
import type { WriteStream } from 'node:tty';
import { oneLine, printable } from '../model/words.ts';

export interface Terminal {
  /** Prints one or more lines. Control characters other than the line feed are escaped. */
  line(text: string): void;
  /** Replaces the status line; does nothing if the output is not a terminal. */
  status(text: string): void;
  /** Removes the status line. */
  clear(): void;
  readonly isInteractive: boolean;
  /** Characters in a line: of the terminal, else the variable COLUMNS, else 80. */
  readonly width: number;
}

export function terminalOn(
  stream: NodeJS.WritableStream & Partial<Pick<WriteStream, 'isTTY' | 'columns'>>,
): Terminal {
  const isInteractive = stream.isTTY === true;
  // A terminal whose size is not known reports 0.
  const width = () => stream.columns || columnsOfEnvironment() || 80;
  const clear = () => {
    if (isInteractive) stream.write('\r\u001b[K');
  };
  return {
    isInteractive,
    get width() {
      return width();
    },
    clear,
    line(text) {
      clear();
      stream.write(`${printable(text)}\n`);
    },
    status(text) {
      if (isInteractive) stream.write(`\r${oneLine(text).slice(0, width() - 1)}\u001b[K`);
    },
  };
}

function columnsOfEnvironment(): number | undefined {
  const { COLUMNS = '' } = process.env;
  return /^\d+$/.test(COLUMNS) ? Number(COLUMNS) : undefined;
}

/** A bar of `width` characters, `share` of it full. */
export function progressBar(share: number, width: number): string {
  const full = Math.round(Math.min(1, Math.max(0, share)) * width);
  return '\u2588'.repeat(full) + '\u2591'.repeat(width - full);
}
