/**
 * The service's log on standard output: JSON lines, or text on a terminal. The service continues without it if
 * the reader is gone.
 */
import { isatty } from 'node:tty';
import { type Logger, pino } from 'pino';
import sonicBoom from 'sonic-boom';
import { printable } from '../model/words.ts';

export const logLevels = ['silent', 'error', 'warn', 'info', 'debug'] as const;
export const logFormats = ['auto', 'json', 'text'] as const;

interface LogSettings {
  readonly logLevel: (typeof logLevels)[number];
  /** `auto`: text if the output is a terminal. */
  readonly logFormat: (typeof logFormats)[number];
}

interface ServiceLog {
  readonly log: Logger;
  /**
   * At the end: resolves when every line is written, in the order in which it was logged. Never rejects; waits
   * at most `flushMs` for a reader that is stalled, and not at all for one that is gone.
   */
  flush(): Promise<void>;
}

/**
 * Lines are buffered up to this size and time: a write for each would take a tenth of the time of an answer.
 */
const bufferBytes = 8192;
const bufferMs = 250;
/** A write in flight takes longer than that only if the reader stalls. */
const flushMs = 500;
/** POSIX: what is written to a pipe at once, up to this size, stays in one piece. */
const sharedWriteBytes = 4096;
/** If the reader stalls, lines beyond this are dropped. */
const maxBacklogBytes = 4 * 1024 * 1024;

/**
 * `processNumber` is in every line; if it is given, other processes write to the same log, and lines up to
 * `sharedWriteBytes` are never mixed with theirs.
 */
export function openLog(
  { logLevel: level, logFormat }: LogSettings,
  fd = 1,
  processNumber?: number,
): ServiceLog {
  const isShared = processNumber !== undefined;
  const isText = logFormat === 'text' || (logFormat === 'auto' && isatty(fd));
  let isEnding = false;
  // Not pino's own destination: its sonic-boom 4 retries forever when it is flushed without a reader.
  const output = new sonicBoom.SonicBoom({
    fd,
    // Buffered text would reach a terminal late. sonic-boom splits what it has buffered only between lines.
    ...(isText
      ? { minLength: 0 }
      : isShared
        ? { minLength: sharedWriteBytes / 2, maxWrite: sharedWriteBytes }
        : { minLength: bufferBytes }),
    maxLength: maxBacklogBytes,
    periodicFlush: bufferMs,
    retryEAGAIN: () => !isEnding,
  });
  let isBroken = false;
  const giveUp = () => {
    if (isBroken) return;
    isBroken = true;
    output.destroy();
  };
  output.on('error', giveUp);
  const flushNow = () => {
    isEnding = true;
    try {
      if (!isBroken) output.flushSync();
    } catch {
      giveUp();
    }
  };
  process.on('exit', flushNow);
  const flush = async () => {
    // A synchronous write would overtake one that is in flight on another thread.
    if (!isBroken) await written(output);
    flushNow();
  };
  // JSON does not escape every character that controls a terminal; the escapes are valid JSON.
  const lineOf = isText ? (line: string) => printable(readableLine(line)) : printable;
  const destination = { write: (line: string) => void (isBroken || output.write(lineOf(line))) };
  return {
    log: pino(
      { level, base: isShared ? { process: processNumber } : {}, timestamp: pino.stdTimeFunctions.isoTime },
      destination,
    ),
    flush,
  };
}

const warnLevel = 40;
const errorLevel = 50;

/**
 * A JSON line of the log for people: local time, the message, and the values of the other fields, such as
 * `12:03:04  listening  http://127.0.0.1:8080`. Errors keep the request id and their stack.
 */
function readableLine(line: string): string {
  const { level, time, msg, err, process, requestId, ...fields } = JSON.parse(line);
  const clock = new Date(time).toTimeString().slice(0, 8);
  const grade = level >= errorLevel ? 'error: ' : level >= warnLevel ? 'warning: ' : '';
  const { method, path, status, ms } = fields;
  const parts =
    msg === 'request'
      ? [`${method} ${path}`, status, `${ms} ms`]
      : [`${grade}${msg}`, ...Object.values(fields).map(valueText)];
  const id = level >= errorLevel && requestId !== undefined ? [`request ${requestId}`] : [];
  const number = process === undefined ? [] : [`[${process}]`];
  const stack = err === undefined ? '' : `\n${err.stack ?? err.message}`;
  return `${[clock, ...number, ...parts, ...id].join('  ')}${stack}\n`;
}

function valueText(value: unknown): string {
  if (Array.isArray(value)) return value.map(valueText).join(', ');
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

/** The last line of the log. */
export function stopText(wasCut: boolean): string {
  return wasCut ? 'stopped; some answers were cut off' : 'stopped; every accepted request was answered';
}

/** Resolves when nothing is buffered or in flight, after an error, or after `flushMs`. */
function written(output: sonicBoom.SonicBoom): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, flushMs);
    output.flush(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}
