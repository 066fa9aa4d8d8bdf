/**
 * The frames of the picture on the stage: when there is a new one, and whether the shown results belong to
 * it.
 */
import type { PictureElement } from './capture.ts';
import type { Picture, Stage } from './stage.ts';

/**
 * Calls back for each frame: of a camera whenever it has a new one, of a still picture once and when the
 * square changes.
 */
export function onEachFrame(stage: Stage, onFrame: () => void): void {
  let followed: HTMLVideoElement | undefined;
  /** Counts up with each picture: a callback of an earlier one ends, also if its video is shown again. */
  let pictures = 0;

  function follow(video: HTMLVideoElement): void {
    followed = video;
    const own = ++pictures;
    const next = () => {
      if (own !== pictures) return;
      afterNextFrame(video, next);
      onFrame();
    };
    afterNextFrame(video, next);
  }

  stage.picture.subscribe((picture: Picture | undefined) => {
    const video = picture?.element;
    if (!(video instanceof HTMLVideoElement)) {
      followed = undefined;
      pictures++;
      onFrame();
    } else if (followed !== video) follow(video);
  });
  stage.square.subscribe(onFrame);
}

/** Browsers without callbacks for video frames are polled at the screen's rate. */
function afterNextFrame(video: HTMLVideoElement, call: () => void): void {
  if ('requestVideoFrameCallback' in video) video.requestVideoFrameCallback(call);
  else requestAnimationFrame(call);
}

/** A result of a moving picture is hidden if the next one takes longer than this. */
const minStaleMs = 1000;

interface Freshness {
  /** A reading has started. */
  expect(): void;
  /** The shown results are those of this picture. */
  markShown(picture: Picture): void;
}

/**
 * While the results belong to an earlier picture, `root` has the class `stale`, which hides them (views.css).
 */
export function freshness(root: HTMLElement, stage: Stage): Freshness {
  let shownFor: PictureElement | undefined;
  let expectedAt = 0;
  let usualMs = 0;
  let timer: number | undefined;
  const mark = (isStale: boolean) => root.classList.toggle('stale', isStale);
  stage.picture.subscribe((picture) => {
    if (picture?.element !== shownFor) mark(true);
  });
  return {
    expect() {
      if (timer !== undefined) return;
      expectedAt = performance.now();
      // A slow machine has a longer limit, relative to its latest reading.
      timer = window.setTimeout(() => mark(true), Math.max(minStaleMs, 3 * usualMs));
    },
    markShown({ element }) {
      clearTimeout(timer);
      timer = undefined;
      usualMs = performance.now() - expectedAt;
      shownFor = element;
      mark(stage.picture.get()?.element !== element);
    },
  };
}
