/** Puts the page together: the picture on one side, the view in front on the other. */
import '../shared/schemas-without-eval.ts';
import './style/tokens.css';
import './style/page.css';
import './style/stage.css';
import './style/views.css';
import { holdsPatch } from '../../model/patch.ts';
import { faultOf } from '../shared/faults.ts';
import { openModelCache } from '../shared/kept-fetch.ts';
import { runQueue } from '../shared/run-queue.ts';
import { compareView } from './compare/compare-view.ts';
import { element } from './dom/element.ts';
import { signal } from './dom/signal.ts';
import { addressedView, modelsUnlisted, noModels, type PageFrame, pageFrame, viewTabs } from './frame.ts';
import { Inference } from './inference/inference.ts';
import { type ListedModel, listModels } from './inference/model-list.ts';
import { faultText, providerBar } from './inference/provider-bar.ts';
import { language, say, setLanguage } from './language/language.ts';
import { liveView } from './live/live-view.ts';
import { seeView } from './see/see-view.ts';
import { type SourceBar, sourceBar } from './source/source-bar.ts';
import { pictureReader } from './stage/capture.ts';
import { watchFrames } from './stage/frames.ts';
import { freshness } from './stage/freshness.ts';
import { createStage, type Picture, type Stage } from './stage/stage.ts';
import { tellUnkept } from './storage.ts';
import { taughtModels } from './teach/taught-model.ts';
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
  await offerModels(frame, source, stage);
  await begun;
  if (import.meta.env.PROD && window.isSecureContext) await keepForOffline();
}

/** Exported models, then what was taught here. None is no fault: the page then says how to make one. */
async function offerModels(frame: PageFrame, source: SourceBar, stage: Stage): Promise<void> {
  const taught = await taughtModels();
  try {
    const models = [...(await listModels()), ...taught];
    const first = models.find(({ name }) => name === referenceName) ?? models[0];
    if (first === undefined) frame.panel.replaceChildren(noModels());
    else openViews(frame, source, stage, first, models);
  } catch (error) {
    reportError(error);
    const retry = () => void offerModels(frame, source, stage);
    frame.panel.replaceChildren(modelsUnlisted(() => faultText(faultOf(error)), retry));
  }
}

function openViews(
  { book, bar, panel }: PageFrame,
  source: SourceBar,
  stage: Stage,
  first: ListedModel,
  offered: readonly ListedModel[],
): void {
  const models = signal(offered);
  const inference = new Inference(first, 'auto');
  const fresh = freshness(book, stage);
  const trouble = element('p', { class: 'notice', role: 'alert', hidden: true });
  const readings = runQueue();
  let refused: Picture | undefined;

  /** Whether there is nothing to refuse: a picture smaller than a patch of the network is not read, as in the service. */
  function acceptsPicture(): boolean {
    const [picture, state] = [stage.picture.get(), inference.model.get()];
    if (picture === undefined || state.status !== 'ready') return true;
    const { patchPx } = state.model;
    const isReadable = holdsPatch(picture, patchPx);
    source.tellTooSmall(isReadable ? undefined : picture, patchPx);
    if (!isReadable && refused !== picture) views[tabs.front()].reset();
    refused = isReadable ? undefined : picture;
    return isReadable;
  }

  /** Reads what is shown now. While a reading is under way, any number of requests are one more. */
  function requestReading(): void {
    readings
      .add('reading', async () => {
        if (!acceptsPicture()) return;
        fresh.expect();
        await views[tabs.front()].read();
        trouble.hidden = true;
      })
      .catch((error: unknown) => {
        reportError(error);
        trouble.hidden = false;
        say(trouble, 'live.failed', { reason: faultText(faultOf(error)) });
      });
  }

  const setting: ViewSetting = {
    inference,
    stage,
    models,
    reader: pictureReader(),
    requestReading,
    shown: fresh.shown,
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
    requestReading();
  });
  bar.append(providerBar(inference, models).root, trouble);
  panel.replaceChildren(tabs.root);
  tabs.goTo(addressedView());
  inference.model.watch((state) => {
    if (state.status === 'ready') stage.setTrainedSide(state.model.patchPx);
    views[tabs.front()].reset();
    requestReading();
  });
  watchFrames(stage, requestReading);
}

/** Browsers without a secure context have neither; the foot says so. */
async function keepForOffline(): Promise<void> {
  try {
    if ((await openModelCache()) === undefined) throw new Error('no cache storage');
    await navigator.serviceWorker.register('service-worker.js');
  } catch {
    tellUnkept('offline');
  }
}

void start();
