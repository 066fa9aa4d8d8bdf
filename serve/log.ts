/**
 * The service's log: JSON lines on standard output. The service continues without it if the reader is gone.
 */
import { type Logger, pino } from 'pino';
import sonicBoom from 'sonic-boom';
import { printable } from '../model/words.ts';

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
  const destination = { write: (line: string) => void (isBroken || output.write(printable(line))) };
  return { log: pino({ level, base: {}, timestamp: pino.stdTimeFunctions.isoTime }, destination), flush };
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
