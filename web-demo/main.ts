/** Puts the page together: the picture on one side, the view in front on the other. */
import './inference/schemas-without-eval.ts';
import './style/tokens.css';
import './style/page.css';
import './style/stage.css';
import './style/views.css';
import { compareView } from './compare/compare-view.ts';
import { signal } from './dom/signal.ts';
import { Inference } from './inference/inference.ts';
import { type ListedModel, listModels } from './inference/model-list.ts';
import { providerBar } from './inference/provider-bar.ts';
import { language, setLanguage } from './language/language.ts';
import { liveView } from './live/live-view.ts';
import { addressedView, noModels, type PageFrame, pageFrame, viewTabs } from './page.ts';
import { seeView } from './see/see-view.ts';
import { sourceBar } from './source/source-bar.ts';
import { pictureReader } from './stage/capture.ts';
import { watchFrames } from './stage/frames.ts';
import { readingLoop } from './stage/reading-loop.ts';
import { createStage, type Stage } from './stage/stage.ts';
import { taughtModels } from './teach/taught-models.ts';
import { teachView } from './teach/teach-view.ts';
import type { View, ViewName, ViewSetting } from './view.ts';

/** The one that the others are compared with. */
const referenceName = 'reference';

async function start(): Promise<void> {
  const frame = pageFrame();
  const stage = createStage();
  const source = sourceBar(stage);
  frame.picture.append(source.root, stage.root);
  setLanguage(language.get(), document);
  const begun = source.begin();
  const models = await offeredModels();
  const first = models.find(({ name }) => name === referenceName) ?? models[0];
  if (first === undefined) frame.panel.append(noModels());
  else openViews(frame, stage, first, models);
  await begun;
  if ('serviceWorker' in navigator && import.meta.env.PROD) {
    void navigator.serviceWorker.register('service-worker.js');
  }
}

/** Exported models, then what was taught here. None is no fault: the page then says how to make one. */
async function offeredModels(): Promise<readonly ListedModel[]> {
  const [exported, taught] = await Promise.all([
    listModels().catch(() => []),
    taughtModels().catch(() => []),
  ]);
  return [...exported, ...taught];
}

function openViews(
  { bar, panel }: PageFrame,
  stage: Stage,
  first: ListedModel,
  offered: readonly ListedModel[],
): void {
  const models = signal(offered);
  const inference = new Inference(first, 'auto');
  const loop = readingLoop(() => views[tabs.front()].read().catch(report));
  const setting: ViewSetting = {
    inference,
    stage,
    models,
    reader: pictureReader(),
    requestReading: loop.request,
    goTo: (view) => tabs.goTo(view),
  };
  const views: Readonly<Record<ViewName, View>> = {
    live: liveView(setting),
    compare: compareView(setting),
    see: seeView(setting),
    teach: teachView(setting),
  };
  let before: ViewName = 'live';
  const tabs = viewTabs(views, (view) => {
    views[before].leave?.();
    before = view;
    views[view].reset();
    loop.request();
  });
  bar.append(providerBar(inference, models).root);
  panel.append(tabs.root);
  tabs.goTo(addressedView());
  inference.model.watch((state) => {
    if (state.status === 'ready') stage.setTrainedSide(state.model.patchPx);
    views[tabs.front()].reset();
    loop.request();
  });
  watchFrames(stage, loop.request);
}

/** A reading that fails is a fault of ours; the next one is tried all the same. */
function report(error: unknown): void {
  reportError(error);
}

void start();
