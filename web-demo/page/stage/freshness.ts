/** Keeps what was read from standing beside a picture that it was not read of. */
import type { PictureElement } from './capture.ts';
import type { Picture, Stage } from './stage.ts';

/** The scene before a camera may change this long before a late answer hides what was said of it. */
const leastPatienceMs = 1000;

export interface Freshness {
  /** A reading has begun. */
  expect(): void;
  /** What is shown now was read of this picture. */
  shown(picture: Picture): void;
}

/** While it is stale, `root` has the class `stale`, which hides all that was read (stage.css). */
export function freshness(root: HTMLElement, stage: Stage): Freshness {
  let readOf: PictureElement | undefined;
  let expectedAt = 0;
  let usualMs = 0;
  let timer: number | undefined;
  const mark = (isStale: boolean) => root.classList.toggle('stale', isStale);
  stage.picture.watch((picture) => {
    if (picture?.element !== readOf) mark(true);
  });
  return {
    expect() {
      if (timer !== undefined) return;
      expectedAt = performance.now();
      // A slow machine is not a lost one: its own readings say what is long.
      timer = window.setTimeout(() => mark(true), Math.max(leastPatienceMs, 3 * usualMs));
    },
    shown({ element }) {
      clearTimeout(timer);
      timer = undefined;
      usualMs = performance.now() - expectedAt;
      readOf = element;
      mark(stage.picture.get()?.element !== element);
    },
  };
}
