/** Shows the progress of a classified folder: a status line on a terminal, an occasional line elsewhere. */
import { count, duration } from '../../model/format.ts';
import { progressBar, type Terminal } from '../../node/terminal.ts';

/** A status line that changes more often is hard to read. */
const statusIntervalMs = 250;
/** A log gets a line when this much time has passed and this share of the files, or the longer time. */
const lineIntervalMs = 10_000;
const lineShare = 0.05;
const longestIntervalMs = 60_000;

export class FolderProgress {
  readonly #terminal: Terminal;
  readonly #startedAt: number;
  #doneNow = 0;
  #shownAt: number;
  #shownDone = 0;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
    this.#startedAt = performance.now();
    this.#shownAt = this.#startedAt;
  }

  /** Seconds since the start. */
  get seconds(): number {
    return (performance.now() - this.#startedAt) / 1000;
  }

  /** Files of this run, without those of an earlier one. */
  get doneNow(): number {
    return this.#doneNow;
  }

  /** Files of this run per second. */
  get rate(): number {
    return this.#doneNow / Math.max(this.seconds, 1e-3);
  }

  /** Counts a file of `total`, `done` of which have a row by now. */
  add(done: number, total: number, skipped: number): void {
    this.#doneNow++;
    const now = performance.now();
    const passedMs = now - this.#shownAt;
    if (this.#terminal.isInteractive ? passedMs < statusIntervalMs : !this.#isLineDue(passedMs, total))
      return;
    this.#shownAt = now;
    this.#shownDone = this.#doneNow;
    const left = duration((total - done) / Math.max(this.rate, 1e-3));
    const tail = [
      `${rateText(this.rate)} a second`,
      `${left} left`,
      ...(skipped > 0 ? [`${count(skipped)} skipped`] : []),
    ];
    if (this.#terminal.isInteractive) {
      const bar = `${progressBar(done / total, 20)} ${count(done)}/${count(total)}`;
      this.#terminal.status([bar, ...tail].join('  '));
    } else {
      this.#terminal.line([`${count(done)} of ${count(total)} files`, ...tail].join(', '));
    }
  }

  /** Removes the status line. */
  clear(): void {
    this.#terminal.clear();
  }

  #isLineDue(passedMs: number, total: number): boolean {
    const share = (this.#doneNow - this.#shownDone) / total;
    return passedMs >= longestIntervalMs || (passedMs >= lineIntervalMs && share >= lineShare);
  }
}

/** Two significant digits below 10, whole numbers above. */
export function rateText(rate: number): string {
  return rate < 10 ? String(Number(rate.toPrecision(2))) : count(rate);
}
