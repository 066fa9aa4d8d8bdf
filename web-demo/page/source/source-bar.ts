/** Where the picture comes from: a camera, a file, what is dropped or pasted, or samples that the page draws. */
import { type TextureName, textureNames } from '../../../textures/textures.ts';
import { WorkerClient } from '../../shared/worker-calls.ts';
import { element } from '../dom/element.ts';
import { labelled, language, said, say, type TextKey, textOf, type Values } from '../language/language.ts';
import { altersPixels } from '../stage/canvas-noise.ts';
import type { Size } from '../stage/square.ts';
import type { Stage } from '../stage/stage.ts';
import { cameraControls } from './camera-controls.ts';
import { decodePicture, PictureError, pictureIn } from './picture-file.ts';
import { drawPatchwork, drawSample, paintGrey, type TextureWorker, withinOnePiece } from './sample.ts';

export interface SourceBar {
  readonly root: HTMLElement;
  /** Says that the picture is smaller than a patch of `least` pixels, or takes that back. */
  tellTooSmall(picture: Size | undefined, least: number): void;
  /** Shows the patchwork of samples, which needs nothing. */
  begin(): Promise<void>;
}

const swatchPx = 72;

export function sourceBar(stage: Stage): SourceBar {
  const notice = noticeLine();
  const sizeNotice = noticeLine();
  const camera = cameraControls(stage, notice.tell);
  const file = element('input', { type: 'file', accept: accepted, id: 'picture-file', class: 'unseen' });
  const samples = samplePicker(show, (error) => {
    reportError(error);
    notice.tell('source.failed');
  });
  const warning = said('p', 'picture.noise', { class: 'notice', hidden: !altersPixels() });

  function show(canvas: HTMLCanvasElement, at?: { readonly x: number; readonly y: number }): void {
    camera.stop();
    notice.tell(undefined);
    stage.show({ kind: 'still', element: canvas, width: canvas.width, height: canvas.height }, at);
  }

  async function open(picture: Blob | undefined): Promise<void> {
    if (picture === undefined) return;
    try {
      const { canvas, stretchedFromBits } = await decodePicture(picture);
      show(canvas);
      if (stretchedFromBits !== undefined) notice.tell('picture.stretched', { bits: stretchedFromBits });
      samples.unmark();
    } catch (error) {
      if (!(error instanceof PictureError)) throw error;
      notice.tell(`picture.${error.fault}`, error.values);
    }
  }

  file.addEventListener('change', () => {
    void open(file.files?.[0]);
    file.value = '';
  });
  takeDropped((dropped) => void open(dropped));
  document.addEventListener('paste', ({ clipboardData }) => void open(pictureIn(clipboardData)));

  return {
    root: element(
      'section',
      { class: 'sources', 'aria-labelledby': 'source-heading' },
      said('h2', 'source.heading', { id: 'source-heading', class: 'unseen' }),
      element(
        'div',
        { class: 'source-buttons' },
        camera.button,
        file,
        said('label', 'source.file', { class: 'button', for: 'picture-file' }),
        samples.another,
        said('span', 'source.hint', { class: 'hint' }),
      ),
      camera.settings,
      notice.root,
      sizeNotice.root,
      warning,
      samples.root,
    ),
    tellTooSmall(picture, least) {
      if (picture === undefined) sizeNotice.tell(undefined);
      else sizeNotice.tell('picture.too-small', { width: picture.width, height: picture.height, least });
    },
    begin: samples.begin,
  };
}

/** Kinds that systems do not know as pictures stand by their endings. */
const accepted = 'image/*,.bmp,.dib,.pbm,.pgm,.ppm,.pnm';

/** A line that tells of a problem in the language at hand. */
function noticeLine() {
  const root = element('p', { class: 'notice', role: 'alert', hidden: true });
  let told: { readonly key: TextKey; readonly values: Values } | undefined;
  const draw = () => {
    root.hidden = told === undefined;
    if (told !== undefined) say(root, told.key, told.values);
  };
  language.watch(draw);
  return {
    root,
    tell(key: TextKey | undefined, values: Values = {}) {
      told = key === undefined ? undefined : { key, values };
      draw();
    },
  };
}

/** Calls back with a file that is dropped anywhere on the page, and says while one is held over it that it may be. */
function takeDropped(take: (file: File | undefined) => void): void {
  const veil = said('div', 'source.drop', { class: 'drop-veil', hidden: true });
  document.body.append(veil);
  const isFile = ({ dataTransfer }: DragEvent) => dataTransfer?.types.includes('Files') ?? false;
  document.addEventListener('dragover', (event) => {
    if (!isFile(event)) return;
    event.preventDefault();
    veil.hidden = false;
  });
  document.addEventListener('dragleave', ({ relatedTarget }) => {
    if (relatedTarget === null) veil.hidden = true;
  });
  document.addEventListener('drop', (event) => {
    veil.hidden = true;
    if (!isFile(event)) return;
    event.preventDefault();
    take(pictureIn(event.dataTransfer));
  });
}

/** A strip of swatches, one a texture, and the patchwork of twelve before them. */
function samplePicker(
  show: (canvas: HTMLCanvasElement, at?: { readonly x: number; readonly y: number }) => void,
  onFault: (error: unknown) => void,
) {
  const worker: TextureWorker = new WorkerClient('texture-worker');
  const strip = element('div', { class: 'swatches', role: 'group', ...labelled('source.samples') });
  let drawn = 0;
  let choices = 0;
  let current: TextureName | undefined;

  const patchwork = said('button', 'source.patchwork', { type: 'button', class: 'swatch-patchwork' });
  const another = said('button', 'source.redraw', { type: 'button', class: 'quiet' });
  const swatches = textureNames.map((texture) => swatch(texture, () => pick(texture)));
  patchwork.addEventListener('click', () => pick(undefined));
  another.addEventListener('click', () => {
    drawn++;
    pick(current);
  });
  strip.append(patchwork, ...swatches);

  function pick(texture: TextureName | undefined): void {
    choose(texture, swatches).catch(onFault);
  }

  /** Draws what was chosen last; what is chosen meanwhile takes its place. */
  async function choose(texture: TextureName | undefined, all: readonly HTMLElement[]): Promise<void> {
    const choice = ++choices;
    const canvas =
      texture === undefined ? await drawPatchwork(worker, drawn) : await drawSample(worker, texture, drawn);
    if (choice !== choices) return;
    current = texture;
    show(canvas, texture === undefined ? withinOnePiece : undefined);
    mark(texture, all);
  }

  function mark(texture: TextureName | undefined | null, all: readonly HTMLElement[]): void {
    patchwork.setAttribute('aria-pressed', String(texture === undefined));
    all.forEach((button, i) => {
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
    another,
    async begin() {
      try {
        await choose(undefined, swatches);
        drawSwatches().catch(onFault);
      } catch (error) {
        onFault(error);
      }
    },
    unmark() {
      choices++;
      mark(null, swatches);
    },
  };
}

function swatch(texture: TextureName, onChoose: () => void): HTMLButtonElement {
  const canvas = element('canvas', { width: swatchPx, height: swatchPx, 'aria-hidden': 'true' });
  const button = element('button', { type: 'button', class: 'swatch' }, canvas, element('span', {}, texture));
  language.watch(() => button.setAttribute('aria-label', textOf('source.sample', { name: texture })));
  button.addEventListener('click', onChoose);
  return button;
}
