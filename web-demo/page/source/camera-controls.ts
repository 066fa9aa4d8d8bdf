/** The camera button, and the settings that the device supports. */
import { element } from '../dom/element.ts';
import { showText, type TextKey, textElement, textOf } from '../language/language.ts';
import type { Stage } from '../stage/stage.ts';
import { type Camera, CameraError, listCameras, openCamera } from './camera.ts';

interface CameraControls {
  readonly button: HTMLElement;
  readonly settings: HTMLElement;
  /** Turns the camera off if it is on or is being opened. */
  stop(): void;
  /** Another picture was requested: a camera that is being opened is not shown. */
  cancel(): void;
}

/**
 * `notify` shows why there is no camera; undefined removes the message. `onStart` is called when the camera's
 * picture replaces another one.
 */
export function cameraControls(
  stage: Stage,
  notify: (key: TextKey | undefined) => void,
  onStart: () => void,
): CameraControls {
  const button = textElement('button', 'source.camera', {
    class: 'primary',
    id: 'camera-button',
  });
  const which = element('select', { id: 'camera-which' });
  const torch = element('input', { type: 'checkbox', id: 'camera-torch' });
  const zoom = element('input', { type: 'range', id: 'camera-zoom' });
  const rows = {
    which: element('p', {}, textElement('label', 'source.camera', { for: which.id }), which),
    torch: element('p', {}, torch, textElement('label', 'source.torch', { for: torch.id })),
    zoom: element('p', {}, textElement('label', 'source.zoom', { for: zoom.id }), zoom),
  };
  const settings = element(
    'div',
    { class: 'camera-settings', hidden: true },
    rows.which,
    rows.torch,
    rows.zoom,
  );
  const video = element('video', { playsinline: true, muted: true, autoplay: true, 'aria-hidden': 'true' });
  video.muted = true;
  let camera: Camera | undefined;
  /** Counts up when a camera is requested or is not wanted any more. */
  let requests = 0;

  function cancel(): void {
    requests++;
  }

  function stop(): void {
    cancel();
    camera?.close();
    camera = undefined;
    settings.hidden = true;
    label('source.camera');
  }

  function label(key: TextKey): void {
    showText(button, key);
    button.classList.toggle('primary', key === 'source.camera');
  }

  function lost(): void {
    freeze(video, stage);
    stop();
    notify('camera.lost');
  }

  async function start(deviceId?: string): Promise<void> {
    const own = ++requests;
    freeze(video, stage);
    camera?.close();
    let opened: Camera;
    try {
      opened = await openCamera(deviceId, lost);
    } catch (error) {
      if (!(error instanceof CameraError)) throw error;
      if (own !== requests) return;
      stop();
      notify(`camera.${error.fault}`);
      return;
    }
    if (own !== requests) return opened.close();
    camera = opened;
    notify(undefined);
    onStart();
    label('source.stop');
    try {
      await present(opened.stream, video, stage);
      adoptSize();
      const cameras = await listCameras();
      if (camera === opened) showSettings(opened, cameras);
    } catch (error) {
      // A video that is removed while it starts rejects.
      if (camera === opened) throw error;
    }
  }

  /** The size of the video is known once it plays, and changes when a phone is turned. */
  function adoptSize(): void {
    const { videoWidth: width, videoHeight: height } = video;
    if (stage.picture.get()?.element === video && width > 0) stage.resize({ width, height });
  }

  function showSettings(opened: Camera, cameras: Awaited<ReturnType<typeof listCameras>>): void {
    which.replaceChildren(
      ...cameras.map(({ id, name }) =>
        element('option', { value: id, selected: id === opened.deviceId }, cameraName(name)),
      ),
    );
    rows.which.hidden = cameras.length < 2;
    rows.torch.hidden = opened.setTorch === undefined;
    torch.checked = false;
    rows.zoom.hidden = opened.zoom === undefined;
    const { min = 1, max = 1, step = 1, now = 1 } = opened.zoom ?? {};
    Object.assign(zoom, { min: String(min), max: String(max), step: String(step), value: String(now) });
    settings.hidden = Object.values(rows).every(({ hidden }) => hidden);
  }

  button.addEventListener('click', () => {
    if (camera === undefined) void start();
    else {
      freeze(video, stage);
      stop();
    }
  });
  which.addEventListener('change', () => void start(which.value));
  torch.addEventListener('change', () => void camera?.setTorch?.(torch.checked));
  zoom.addEventListener('input', () => void camera?.setZoom(Number(zoom.value)));
  video.addEventListener('resize', adoptSize);
  return { button, settings, stop, cancel };
}

/** A camera without a name has a number. */
function cameraName(name: string): string {
  return /^\d+$/.test(name) ? textOf('source.cameraName', { number: name }) : name;
}

/** Shows the video on the stage. It must be in the page before it plays, or iOS shows one frame only. */
async function present(stream: MediaStream, video: HTMLVideoElement, stage: Stage): Promise<void> {
  video.srcObject = stream;
  const { width = 640, height = 480 } = stream.getVideoTracks()[0]?.getSettings() ?? {};
  stage.show({ kind: 'camera', element: video, width, height });
  await video.play();
}

/** Replaces the video on the stage by its last frame, which is black soon after the camera is off. */
function freeze(video: HTMLVideoElement, stage: Stage): void {
  const { videoWidth: width, videoHeight: height } = video;
  if (stage.picture.get()?.element !== video || width === 0) return;
  const canvas = element('canvas', { width, height });
  canvas.getContext('2d', { willReadFrequently: true })?.drawImage(video, 0, 0);
  stage.show({ kind: 'still', element: canvas, width, height });
}
