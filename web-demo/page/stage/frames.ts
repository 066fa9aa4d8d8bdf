/** Calls back for each frame of the picture on the stage: of a camera as often as it has a new one, of a still picture once. */
import type { Picture, Stage } from './stage.ts';

export function watchFrames(stage: Stage, onFrame: () => void): void {
  let watched: HTMLVideoElement | undefined;

  function follow(video: HTMLVideoElement): void {
    watched = video;
    const next = () => {
      if (watched !== video) return;
      afterNextFrame(video, next);
      onFrame();
    };
    afterNextFrame(video, next);
  }

  stage.picture.watch((picture: Picture | undefined) => {
    const video = picture?.element;
    if (!(video instanceof HTMLVideoElement)) {
      watched = undefined;
      onFrame();
    } else if (watched !== video) follow(video);
  });
  stage.square.watch(onFrame);
}

/** Browsers that don't tell of a video's frames are asked at the screen's rate. */
function afterNextFrame(video: HTMLVideoElement, call: () => void): void {
  if ('requestVideoFrameCallback' in video) video.requestVideoFrameCallback(call);
  else requestAnimationFrame(call);
}
