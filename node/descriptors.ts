/** Opens files even if the process or the machine has no file descriptor left for a moment. */
import { setTimeout as sleep } from 'node:timers/promises';
import { TexturaError } from '../model/error.ts';

/** Of this process, of the machine. */
const exhaustedCodes: ReadonlySet<string | undefined> = new Set(['EMFILE', 'ENFILE']);

const firstPauseMs = 5;
const longestPauseMs = 250;
const patienceMs = 20_000;

/**
 * Retries `open` while no descriptor is free. After 20 seconds the error does not name the file, which is not
 * at fault.
 * Errors: `descriptors-exhausted`, and those of `open`.
 */
export async function whenDescriptorsAreFree<T>(open: () => Promise<T>, waitMs = patienceMs): Promise<T> {
  const deadline = performance.now() + waitMs;
  for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(2 * pauseMs, longestPauseMs)) {
    try {
      return await open();
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (!exhaustedCodes.has(code)) throw error;
      if (performance.now() < deadline) {
        await sleep(pauseMs);
        continue;
      }
      throw new TexturaError(
        'descriptors-exhausted',
        `no file can be opened (${code}): the limit on open files is reached; raise it (ulimit -n 1024)`,
        { cause: error },
      );
    }
  }
}
