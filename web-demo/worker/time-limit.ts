/** Graphics drivers may leave a promise open for ever: what the page asks of them has a time limit. */
import { fault, InferenceError } from '../shared/faults.ts';

/** Settles as `work` does. Errors: `no-answer` where it has not settled after `limitMs`. */
export async function within<T>(limitMs: number, work: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    const tooLate = new InferenceError(fault('no-answer', { seconds: limitMs / 1000 }));
    timer = setTimeout(() => reject(tooLate), limitMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
