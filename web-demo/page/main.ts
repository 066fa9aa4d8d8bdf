/** Starts the page: the picture on one side, the current view on the other. */
import './style/tokens.css';
import './style/page.css';
import './style/stage.css';
import './style/views.css';
import './style/compare.css';
import './style/see.css';
import './style/teach.css';
import { preferredModel } from '../../model/network.ts';
import { holdsPatch } from '../../model/patch.ts';
import { pageFaultOf } from '../shared/faults.ts';
import { openModelCache } from '../shared/model-fetch.ts';
import { runQueue } from '../shared/run-queue.ts';
import { compareView } from './compare/compare-view.ts';
import { element } from './dom/element.ts';
import { isUnreadable } from './dom/files.ts';
import { keepFocus } from './dom/focus.ts';
import { signal } from './dom/signal.ts';
import { Inference } from './inference/inference.ts';
import { type ListedModel, listModels, serviceCommands } from './inference/model-list.ts';
import { modelInput, modelSettings } from './inference/model-settings.ts';
import { type ModelFiles, modelFiles, openedModel } from './inference/opened-model.ts';
import { faultText, language, setLanguage, setText, textElement } from './language/language.ts';
import { addressedView, modelsUnlisted, noModels, type PageLayout, pageLayout, viewTabs } from './layout.ts';
import { liveView } from './live/live-view.ts';
import { seeView } from './see/see-view.ts';
import { type SourceBar, sourceBar } from './source/source-bar.ts';
import { pictureReader } from './stage/capture.ts';
import { freshness, onEachFrame } from './stage/frames.ts';
import { createStage, type Picture, type Stage } from './stage/stage.ts';
import { markNotStored } from './storage.ts';
import { openTeachingStore, type TeachingStore } from './teach/store.ts';
import { listedTaught, namedFreely } from './teach/taught-model.ts';
import { teachView } from './teach/teach-view.ts';
import { type View, type ViewContext, type ViewName, viewNames } from './view.ts';

async function start(): Promise<void> {
  const layout = pageLayout();
  const stage = createStage();
  const source = sourceBar(stage);
  layout.picture.append(source.root, stage.root);
  setLanguage(language.get(), document);
  keepFocus();
  const started = source.begin();
  await offerModels(layout, source, stage);
  await started;
  if (import.meta.env.PROD && window.isSecureContext) await storeForOffline();
}

/** Exported models, then the taught one. If there are none, the page offers only Teach. */
async function offerModels(layout: PageLayout, source: SourceBar, stage: Stage): Promise<void> {
  layout.panel.replaceChildren(textElement('p', 'model.listing', { class: 'listing', role: 'status' }));
  try {
    const exported = await listModels();
    const store = await openTeachingStore();
    const taught = await store.model();
    const models = taught ? [...exported, listedTaught(namedFreely(taught, exported))] : exported;
    const first = models.find(({ name }) => name === preferredModel(models.map((model) => model.name)));
    if (serviceCommands.get() !== undefined) layout.showService();
    openViews(layout, source, stage, store, first, models);
  } catch (error) {
    reportError(error);
    const retry = () => void offerModels(layout, source, stage);
    layout.panel.replaceChildren(modelsUnlisted(() => faultText(pageFaultOf(error)), retry));
  }
}

function openViews(
  { main, bar, panel }: PageLayout,
  source: SourceBar,
  stage: Stage,
  store: TeachingStore,
  first: ListedModel | undefined,
  offered: readonly ListedModel[],
): void {
  const models = signal(offered);
  const inference = new Inference(first);
  const fresh = freshness(main, stage);
  const problem = element('p', { class: 'notice', role: 'alert', hidden: true });
  const readings = runQueue();
  let refused: Picture | undefined;
  let resets = 0;

  function resetView(): void {
    resets++;
    views[tabs.current()].reset();
  }

  /** False if the picture is smaller than a patch of the model. The service refuses such pictures too. */
  function acceptsPicture(): boolean {
    const [picture, state] = [stage.picture.get(), inference.model.get()];
    if (picture === undefined || state.status !== 'ready') return true;
    const least = state.model.patchPx;
    if (holdsPatch(picture, least)) {
      if (refused === picture) source.notify(undefined);
      refused = undefined;
      return true;
    }
    source.notify('picture.too-small', { width: picture.width, height: picture.height, least });
    if (refused !== picture) resetView();
    refused = picture;
    return false;
  }

  /** Reads the current picture. All requests during a reading become one further reading. */
  function requestReading(): void {
    readings
      .add('reading', async () => {
        if (!acceptsPicture()) return;
        fresh.expect();
        const started = resets;
        await views[tabs.current()].read(() => resets === started);
        problem.hidden = true;
      })
      .catch((error: unknown) => {
        reportError(error);
        problem.hidden = false;
        setText(problem, 'live.failed', { reason: faultText(pageFaultOf(error)) });
      });
  }

  /** Opens a model and then the other files. */
  async function openModels(files: readonly File[]): Promise<void> {
    const found = modelFiles(files);
    if (found === undefined) {
      source.notify('model.notModel');
      return;
    }
    const tellProblem = await openModel(found);
    await source.openAll(files.filter((file) => file !== found.model && file !== found.report));
    tellProblem?.();
  }

  /** Adds a model from a file and chooses it. If it cannot be used, it is dropped; the result then says why. */
  async function openModel(found: ModelFiles): Promise<(() => void) | undefined> {
    source.notify(undefined);
    const before = inference.chosen;
    let listed: ListedModel;
    try {
      listed = await openedModel(found, models.get());
    } catch (error) {
      if (!isUnreadable(error)) throw error;
      return () => source.notify('file.unreadable');
    }
    models.set([...new Set([...models.get(), listed])]);
    await inference.choose(listed);
    const state = inference.model.get();
    if (state.status !== 'failed') return undefined;
    models.set(models.get().filter((model) => model !== listed));
    if (models.get().includes(before)) await inference.choose(before);
    const { fault } = state;
    return () => source.notify('model.failed', { name: found.model.name, reason: faultText(fault) });
  }

  const context: ViewContext = {
    inference,
    showPicture: source.open,
    notify: source.notify,
    stage,
    models,
    reader: pictureReader(),
    requestReading,
    isPictureChanging: source.isChanging,
    markShown: fresh.markShown,
    goTo: (view) => tabs.goTo(view),
  };
  const live = liveView(context);
  const teach = teachView(context, store);
  const views: Readonly<Record<ViewName, View>> = {
    live,
    compare: compareView(context),
    see: seeView(context),
    teach,
  };
  let previous: ViewName = 'live';
  const tabs = viewTabs(views, (view) => {
    views[previous].leave?.();
    previous = view;
    resetView();
    requestReading();
  });
  source.handle({
    model: (files) => void openModels(files),
    async project(file, isAlone) {
      if (isAlone) tabs.goTo('teach');
      const isImported = await teach.importProject(file);
      if (isImported && !isAlone) source.notify('teach.imported', { file: file.name });
    },
    pictures(files) {
      if (models.get().length === 0) return;
      tabs.goTo('live');
      live.classifyAll(files);
    },
  });
  const open = (files: readonly File[]) => void openModels(files);
  const settings = modelSettings(inference, models, open);
  const none = noModels(modelInput('first-model-file', open), serviceCommands.get());
  bar.append(settings, problem);
  panel.replaceChildren(none, tabs.root);
  tabs.goTo(first === undefined ? 'teach' : (addressedView() ?? 'live'));
  models.subscribe((listed) => {
    const hasModel = listed.length > 0;
    settings.hidden = !hasModel;
    none.hidden = hasModel;
    tabs.offer(hasModel ? viewNames : ['teach']);
  });
  inference.model.subscribe((state) => {
    if (state.status === 'ready') stage.setTrainedSide(state.model.patchPx);
    resetView();
    requestReading();
  });
  onEachFrame(stage, requestReading);
}

/** Needs cache storage and service workers. */
async function storeForOffline(): Promise<void> {
  try {
    if ((await openModelCache()) === undefined) throw new Error('no cache storage');
    const registration = await navigator.serviceWorker.register('service-worker.js');
    const installing = registration.installing;
    installing?.addEventListener('statechange', () => {
      // The page's files could not be stored, and there is no earlier version of them.
      if (installing.state === 'redundant' && registration.active === null) markNotStored('offline');
    });
  } catch {
    markNotStored('offline');
  }
}

void start();
