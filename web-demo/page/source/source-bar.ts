/** Controls for the source of the picture: camera, file, drop, paste, or generated samples. */
import { type TextureName, textureNames } from '../../../textures/textures.ts';
import { WorkerClient } from '../../shared/worker-calls.ts';
import { element } from '../dom/element.ts';
import { isUnreadable } from '../dom/files.ts';
import { modelFiles } from '../inference/opened-model.ts';
import {
  ariaLabel,
  language,
  setText,
  type TextKey,
  textElement,
  textOf,
  type Values,
} from '../language/language.ts';
import { altersPixels, paintGrey } from '../stage/capture.ts';
import type { Stage } from '../stage/stage.ts';
import { cameraControls } from './camera-controls.ts';
import { decodePicture, PictureError } from './picture-file.ts';
import { drawPatchwork, drawSample, type TextureWorker, withinOnePiece } from './sample.ts';

/**
 * Shows a message about a problem, in place of the one before; undefined removes it. It is among the controls
 * for the picture, or before another element.
 */
export type Notify = (key: TextKey | undefined, values?: Values, before?: HTMLElement) => void;

/** What to do with files that are not one picture for the stage. */
interface FileHandlers {
  /** Models with their reports, and maybe other files, which come back to `openAll`. */
  model(files: readonly File[]): void;
  /** `isAlone` unless several pictures came with it, whose table is shown. */
  project(file: File, isAlone: boolean): Promise<void>;
  pictures(files: readonly File[]): void;
}

export interface SourceBar {
  readonly root: HTMLElement;
  /** Shows a picture on the stage. */
  open(picture: File): void;
  /** Opens files of all kinds. Resolves when the first picture is shown and projects are imported. */
  openAll(files: readonly File[]): Promise<void>;
  /** Sets what to do with other files, which are refused before. */
  handle(handlers: FileHandlers): void;
  readonly notify: Notify;
  /** Whether a picture is being decoded or drawn that will replace the one on the stage. */
  isChanging(): boolean;
  /** Shows the patchwork of samples. */
  begin(): Promise<void>;
}

const swatchPx = 72;

export function sourceBar(stage: Stage): SourceBar {
  const warning = textElement('p', 'picture.noise', { class: 'notice', hidden: !altersPixels() });
  const notice = noticeLine(warning);
  const camera = cameraControls(stage, notice.show, () => {
    void newest(Promise.resolve());
    samples.unmark();
  });
  const file = element('input', {
    type: 'file',
    accept: accepted,
    id: 'picture-file',
    class: 'visually-hidden',
    multiple: true,
  });
  let handlers: FileHandlers | undefined;
  const samples = samplePicker(show, newest, (error) => {
    reportError(error);
    notice.show('source.failed');
  });

  let requests = 0;
  /** The newest request whose picture is there, or failed. */
  let settled = 0;

  /** A requested picture; undefined if a newer one was requested in the meantime. */
  async function newest<T>(picture: Promise<T>): Promise<T | undefined> {
    camera.cancel();
    const own = ++requests;
    const isNewest = () => own === requests;
    try {
      const shown = await picture;
      return isNewest() ? shown : undefined;
    } catch (error) {
      if (isNewest()) throw error;
      return undefined;
    } finally {
      if (isNewest()) settled = own;
    }
  }

  function show(canvas: HTMLCanvasElement, at?: { readonly x: number; readonly y: number }): void {
    camera.stop();
    notice.show(undefined);
    stage.show({ kind: 'still', element: canvas, width: canvas.width, height: canvas.height }, at);
  }

  async function open(picture: Blob): Promise<void> {
    try {
      const decoded = await newest(decodePicture(picture));
      if (decoded === undefined) return;
      const { canvas, stretchedFromBits } = decoded;
      show(canvas);
      if (stretchedFromBits !== undefined) notice.show('picture.stretched', { bits: stretchedFromBits });
      samples.unmark();
    } catch (error) {
      if (error instanceof PictureError) notice.show(`picture.${error.fault}`, error.values);
      else if (isUnreadable(error)) notice.show('file.unreadable');
      else throw error;
    }
  }

  /**
   * Models first, then pictures, whose table has a row for any other file, then projects.
   */
  async function openAll(files: readonly File[]): Promise<void> {
    if (handlers !== undefined && modelFiles(files) !== undefined) {
      handlers.model(files);
      return;
    }
    const isProject = ({ name }: File) => handlers !== undefined && /\.zip$/i.test(name);
    const [first, ...others] = files.filter((file) => !isProject(file));
    if (first !== undefined) {
      if (others.length > 0) handlers?.pictures([first, ...others]);
      await open(first);
    }
    for (const project of files.filter(isProject)) await handlers?.project(project, others.length === 0);
  }

  file.addEventListener('change', () => {
    void openAll([...(file.files ?? [])]);
    file.value = '';
  });
  takeDropped((files) => void openAll(files));
  document.addEventListener('paste', ({ clipboardData }) => void openAll([...(clipboardData?.files ?? [])]));

  return {
    root: element(
      'section',
      { class: 'sources', 'aria-labelledby': 'source-heading' },
      textElement('h2', 'source.heading', { id: 'source-heading', class: 'visually-hidden' }),
      element(
        'div',
        { class: 'source-buttons' },
        camera.button,
        file,
        textElement('label', 'source.file', { class: 'button', for: 'picture-file' }),
        samples.redraw,
        textElement('span', 'source.hint', { class: 'hint' }),
      ),
      camera.settings,
      notice.root,
      warning,
      samples.root,
    ),
    open: (picture) => void open(picture),
    openAll,
    handle(next) {
      handlers = next;
    },
    notify: notice.show,
    isChanging: () => settled !== requests,
    begin: samples.begin,
  };
}

/** Formats that systems do not treat as pictures are listed by extension. */
const accepted = 'image/*,.bmp,.dib,.pbm,.pgm,.ppm,.pnm';

/** A message about a problem, in the current language; usually before the element `home`. */
function noticeLine(home: HTMLElement) {
  const root = element('p', { class: 'notice', role: 'alert', hidden: true });
  let shown: { readonly key: TextKey; readonly values: Values } | undefined;
  const draw = () => {
    root.hidden = shown === undefined;
    if (shown !== undefined) setText(root, shown.key, shown.values);
  };
  language.subscribe(draw);
  return {
    root,
    show(key: TextKey | undefined, values: Values = {}, before = home) {
      if (root.nextSibling !== before) before.before(root);
      shown = key === undefined ? undefined : { key, values };
      draw();
    },
  };
}

/** Calls back with files that are dropped anywhere on the page, and shows an overlay during the drag. */
function takeDropped(take: (files: readonly File[]) => void): void {
  const overlay = textElement('div', 'source.drop', { class: 'drop-overlay', hidden: true });
  document.body.append(overlay);
  const isFile = ({ dataTransfer }: DragEvent) => dataTransfer?.types.includes('Files') ?? false;
  document.addEventListener('dragover', (event) => {
    if (!isFile(event)) return;
    event.preventDefault();
    overlay.hidden = false;
  });
  document.addEventListener('dragleave', ({ relatedTarget }) => {
    if (relatedTarget === null) overlay.hidden = true;
  });
  document.addEventListener('drop', (event) => {
    overlay.hidden = true;
    if (!isFile(event)) return;
    event.preventDefault();
    take([...(event.dataTransfer?.files ?? [])]);
  });
}

/** A row of buttons: the patchwork, and one for each texture. */
function samplePicker(
  show: (canvas: HTMLCanvasElement, at?: { readonly x: number; readonly y: number }) => void,
  newest: <T>(picture: Promise<T>) => Promise<T | undefined>,
  onFault: (error: unknown) => void,
) {
  const worker: TextureWorker = new WorkerClient('texture-worker');
  const strip = element('div', { class: 'swatches', role: 'group', ...ariaLabel('source.samples') });
  let index = 0;
  let current: TextureName | undefined;

  const patchwork = textElement('button', 'source.patchwork', { class: 'swatch-patchwork' });
  const redraw = textElement('button', 'source.redraw', { class: 'quiet' });
  const swatches = textureNames.map((texture) => swatch(texture, () => pick(texture)));
  patchwork.addEventListener('click', () => pick(undefined));
  redraw.addEventListener('click', () => {
    index++;
    pick(current);
  });
  strip.append(patchwork, ...swatches);

  function pick(texture: TextureName | undefined): void {
    choose(texture).catch(onFault);
  }

  /** Draws and shows a sample, unless a newer choice was made while it was drawn. */
  async function choose(texture: TextureName | undefined): Promise<void> {
    const canvas = await newest(
      texture === undefined ? drawPatchwork(worker, index) : drawSample(worker, texture, index),
    );
    if (canvas === undefined) return;
    current = texture;
    show(canvas, texture === undefined ? withinOnePiece : undefined);
    mark(texture);
  }

  /** Null marks none: the picture is no sample, so there are no new ones of its kind. */
  function mark(texture: TextureName | undefined | null): void {
    redraw.hidden = texture === null;
    patchwork.setAttribute('aria-pressed', String(texture === undefined));
    swatches.forEach((button, i) => {
      button.setAttribute('aria-pressed', String(textureNames[i] === texture));
    });
  }

  async function drawSwatches(): Promise<void> {
    for (const [i, texture] of textureNames.entries()) {
      const canvas = swatches[i]?.querySelector('canvas');
      if (!canvas) continue;
      const image = await worker.call('draw', { texture, index: 0, width: swatchPx, height: swatchPx });
      paintGrey(canvas, image, 0, 0);
    }
  }

  return {
    root: strip,
    redraw,
    async begin() {
      try {
        await choose(undefined);
        drawSwatches().catch(onFault);
      } catch (error) {
        onFault(error);
      }
    },
    unmark: () => mark(null),
  };
}

function swatch(texture: TextureName, onChoose: () => void): HTMLButtonElement {
  const canvas = element('canvas', { width: swatchPx, height: swatchPx, 'aria-hidden': 'true' });
  const button = element('button', { class: 'swatch' }, canvas, element('span', {}, texture));
  language.subscribe(() => button.setAttribute('aria-label', textOf('source.sample', { name: texture })));
  button.addEventListener('click', onChoose);
  return button;
}
