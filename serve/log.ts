/**
 * The service's log: JSON lines on standard output. The service continues without it if the reader is gone.
 */
import { type Logger, pino } from 'pino';
import sonicBoom from 'sonic-boom';
import { printable } from '../model/words.ts';

interface ServiceLog {
  readonly log: Logger;
  /**
   * On exit: writes the buffered lines. Never throws, and never waits for a reader that is gone or stalled.
   */
  flush(): void;
}

/**
 * Lines are buffered up to this size and time: a write for each would take a tenth of the time of an answer.
 */
const bufferBytes = 8192;
const bufferMs = 250;
/** If the reader stalls, lines beyond this are dropped. */
const maxBacklogBytes = 4 * 1024 * 1024;

export function openLog(level: string, fd = 1): ServiceLog {
  let isEnding = false;
  // Not pino's own destination: its sonic-boom 4 retries forever when it is flushed without a reader.
  const output = new sonicBoom.SonicBoom({
    fd,
    minLength: bufferBytes,
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
  const flush = () => {
    isEnding = true;
    try {
      if (!isBroken) output.flushSync();
    } catch {
      giveUp();
    }
  };
  process.on('exit', flush);
  // JSON does not escape every character that controls a terminal; the escapes are valid JSON.
  const destination = { write: (line: string) => void (isBroken || output.write(printable(line))) };
  return { log: pino({ level, base: {}, timestamp: pino.stdTimeFunctions.isoTime }, destination), flush };
}
