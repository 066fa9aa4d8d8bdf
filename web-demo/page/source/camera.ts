/**
 * The camera: opens it, with the settings that the device supports. Every failure has a code, so that the
 * page can say what to do.
 */

type CameraFault = 'insecure' | 'unsupported' | 'denied' | 'none' | 'busy' | 'lost';

export class CameraError extends Error {
  override readonly name = 'CameraError';
  readonly fault: CameraFault;

  constructor(fault: CameraFault, options?: ErrorOptions) {
    super(`camera: ${fault}`, options);
    this.fault = fault;
  }
}

interface ZoomRange {
  readonly min: number;
  readonly max: number;
  readonly step: number;
  readonly now: number;
}

export interface Camera {
  readonly stream: MediaStream;
  readonly deviceId: string;
  /** Undefined if the device has no light, or no zoom, that a page can set. */
  readonly setTorch: ((isOn: boolean) => Promise<void>) | undefined;
  readonly zoom: ZoomRange | undefined;
  setZoom(factor: number): Promise<void>;
  /** Turns the camera off, without `onLost`. */
  close(): void;
}

/** From the image-capture draft; not in TypeScript's library yet. */
interface CameraCapabilities extends MediaTrackCapabilities {
  readonly torch?: boolean;
  readonly zoom?: { readonly min: number; readonly max: number; readonly step?: number };
}
interface CameraSettings extends MediaTrackSettings {
  readonly zoom?: number;
}

/** Large enough for a grid of patches; more pixels are slower to read. */
const preferredSize = { width: { ideal: 640 }, height: { ideal: 480 } } as const;

/**
 * Opens a camera, by default the rear one. `onLost` is called if it disconnects.
 * Errors: CameraError.
 */
export async function openCamera(deviceId: string | undefined, onLost: () => void): Promise<Camera> {
  if (!window.isSecureContext) throw new CameraError('insecure');
  if (navigator.mediaDevices?.getUserMedia === undefined) throw new CameraError('unsupported');
  const which = deviceId === undefined ? { facingMode: 'environment' } : { deviceId: { exact: deviceId } };
  const stream = await navigator.mediaDevices
    .getUserMedia({ video: { ...preferredSize, ...which }, audio: false })
    .catch((cause: unknown) => {
      throw new CameraError(faultOf(cause), { cause });
    });
  const [track] = stream.getVideoTracks();
  if (track === undefined) throw new CameraError('none');
  track.addEventListener('ended', onLost);
  return cameraOf(stream, track, onLost);
}

function cameraOf(stream: MediaStream, track: MediaStreamTrack, onLost: () => void): Camera {
  const capabilities = (track.getCapabilities?.() ?? {}) as CameraCapabilities;
  const { zoom = 1, deviceId = '' } = track.getSettings() as CameraSettings;
  const set = (settings: object) =>
    track.applyConstraints({ advanced: [settings as MediaTrackConstraintSet] });
  return {
    stream,
    deviceId,
    setTorch: capabilities.torch ? (isOn) => set({ torch: isOn }) : undefined,
    zoom: capabilities.zoom && { step: 0.1, ...capabilities.zoom, now: zoom },
    setZoom: (factor) => set({ zoom: factor }),
    close() {
      track.removeEventListener('ended', onLost);
      track.stop();
    },
  };
}

const faultsByName: Readonly<Record<string, CameraFault>> = {
  NotAllowedError: 'denied',
  SecurityError: 'denied',
  NotFoundError: 'none',
  OverconstrainedError: 'none',
  NotReadableError: 'busy',
  AbortError: 'busy',
};

function faultOf(cause: unknown): CameraFault {
  return faultsByName[cause instanceof DOMException ? cause.name : ''] ?? 'busy';
}

/** The cameras of the device. They have names only after the person has allowed one of them. */
export async function listCameras(): Promise<readonly { readonly id: string; readonly name: string }[]> {
  const devices = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
  return devices
    .filter(({ kind }) => kind === 'videoinput')
    .map(({ deviceId, label }, i) => ({ id: deviceId, name: label || `${i + 1}` }));
}
