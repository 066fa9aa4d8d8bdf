/** The See view: where in the picture each class is, and why the square has its class. */
import { element } from '../dom/element.ts';
import { modelParts } from '../inference/model-parts.ts';
import { textElement } from '../language/language.ts';
import type { View, ViewContext } from '../view.ts';
import { heatPanel } from './heat-panel.ts';
import { layerPanel } from './layer-panel.ts';
import { whyPanel } from './why-panel.ts';

export function seeView(context: ViewContext): View {
  const { inference, stage } = context;
  const heat = heatPanel(context);
  const why = whyPanel(context);
  const layers = layerPanel(context);

  const readyModel = () => {
    const state = inference.model.get();
    return state.status === 'ready' ? state.model : undefined;
  };

  return {
    root: element(
      'section',
      { class: 'view see', 'aria-labelledby': 'see-heading' },
      textElement('h2', 'see.heading', { id: 'see-heading' }),
      modelParts(inference, heat.root, why.root, layers.root),
    ),
    async read(isCurrent) {
      const model = readyModel();
      const picture = stage.picture.get();
      if (model === undefined || picture === undefined) return;
      heat.expect(picture);
      try {
        await layers.read(model, picture);
        if (isCurrent()) await why.read(model, picture);
        if (isCurrent()) await heat.read({ model, picture, isCurrent });
      } finally {
        heat.settle();
      }
    },
    reset() {
      heat.reset(readyModel());
      why.reset(readyModel());
      layers.reset();
    },
    leave() {
      heat.leave();
      layers.leave();
    },
  };
}
