/** Of a network whose classes follow from statistics of positions: what in the square speaks for its class. */
import { statisticsHead } from '../../../model/evidence.ts';
import { evidenceColour, evidenceColours, evidenceLimit } from '../../../model/evidence-colour.ts';
import { inputPx, type Patch } from '../../../model/patch.ts';
import type { LoadedModel, PatchExplanation } from '../../shared/inference-api.ts';
import { superseded } from '../../shared/run-queue.ts';
import { context2d, element } from '../dom/element.ts';
import { formatNumber, language, setText, textElement, textOf } from '../language/language.ts';
import type { Picture } from '../stage/stage.ts';
import type { ViewContext } from '../view.ts';
import { legendRow } from './legend.ts';

interface WhyPanel {
  readonly root: HTMLElement;
  read(model: LoadedModel, picture: Picture): Promise<void>;
  reset(model: LoadedModel | undefined): void;
}

export function whyPanel({ inference, stage, reader }: ViewContext): WhyPanel {
  const canvas = element('canvas', { width: inputPx, height: inputPx, role: 'img' });
  const legend = element('ul', { class: 'legend' });
  const total = element('p', { class: 'note' });
  const unknown = element('p', { hidden: true });
  const root = element(
    'section',
    { class: 'why', 'aria-labelledby': 'why-heading', hidden: true },
    textElement('h3', 'see.why', { id: 'why-heading' }),
    textElement('p', 'see.whyWhat', { class: 'note' }),
    element('div', { class: 'why-parts result' }, canvas, element('div', {}, unknown, legend, total)),
  );
  let shown: { readonly model: LoadedModel; readonly explanation: PatchExplanation } | undefined;

  function describe(): void {
    if (shown === undefined) return;
    const { model, explanation } = shown;
    const [first = '', second = ''] = [explanation.first, explanation.second].map((c) => model.labels[c]);
    legend.replaceChildren(
      legendRow(cssOf(evidenceColours.first), textOf('see.whyFor', { label: first })),
      legendRow(cssOf(evidenceColours.second), textOf('see.whyFor', { label: second })),
    );
    setText(total, 'see.whyTotal', { first, second, total: formatNumber(explanation.total, 2) });
    unknown.hidden = (explanation.margin ?? 0) >= 0;
    setText(unknown, 'live.noneWhy', { label: first });
    canvas.setAttribute('aria-label', textOf('see.why'));
  }
  language.subscribe(describe);

  return {
    root,
    async read(model, picture) {
      if (root.hidden) return;
      const { patches } = reader.square(picture.element, stage.square.get());
      const explanation = await inference.call('explain', { model: model.name, patch: patches });
      if (explanation === superseded) return;
      shown = { model, explanation };
      draw(canvas, patches, explanation.map);
      describe();
    },
    reset(model) {
      shown = undefined;
      root.hidden = model === undefined || statisticsHead(model.network) === undefined;
      context2d(canvas).clearRect(0, 0, inputPx, inputPx);
      unknown.hidden = true;
      for (const node of [legend, total]) node.replaceChildren();
    },
  };
}

function cssOf(colour: readonly number[]): string {
  return `rgb(${colour.join(' ')})`;
}

function draw(canvas: HTMLCanvasElement, patch: Patch, map: Float64Array): void {
  const limit = evidenceLimit([map]);
  const image = new ImageData(inputPx, inputPx);
  map.forEach((value, i) => {
    image.data.set([...evidenceColour(patch[i] as number, value / limit), 255], 4 * i);
  });
  context2d(canvas).putImageData(image, 0, 0);
}
