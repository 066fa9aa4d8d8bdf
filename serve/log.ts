/** The service's log: lines of JSON on standard output, for as long as somebody reads them. */
import { type Logger, pino } from 'pino';
import sonicBoom from 'sonic-boom';
import { printable } from '../model/words.ts';

export interface ServiceLog {
  readonly log: Logger;
  /** At the end: writes what has gathered. Never throws, nor waits for a reader that has left or stalled. */
  flush(): void;
}

/** A write for each line takes a tenth of an answer's time: lines gather until there is so much, so long. */
const gatheredBytes = 8192;
const gatheredMs = 250;
/** Lines beyond this that a stalled reader does not take are dropped. */
const waitingBytes = 4 * 1024 * 1024;

export function openLog(level: string, fd = 1): ServiceLog {
  let isEnding = false;
  // Not pino's own destination: its sonic-boom 4 retries for ever when it is flushed without a reader.
  const output = new sonicBoom.SonicBoom({
    fd,
    minLength: gatheredBytes,
    maxLength: waitingBytes,
    periodicFlush: gatheredMs,
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
  // JSON leaves some characters as they are that command a terminal; their escapes are JSON too.
  const destination = { write: (line: string) => void (isBroken || output.write(printable(line))) };
  return { log: pino({ level, base: {}, timestamp: pino.stdTimeFunctions.isoTime }, destination), flush };
}
