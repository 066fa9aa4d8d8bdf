/** Teaching: surfaces are named and collected, the network learns them here, and what it has learnt can be taken home. */
import { choice } from '../dom/choice.ts';
import { element } from '../dom/element.ts';
import type { ListedModel } from '../inference/model-list.ts';
import { formatNumber, language, said, say, textOf } from '../language/language.ts';
import { fitted } from '../stage/square.ts';
import type { View, ViewSetting } from '../view.ts';
import { download, patchArchive } from './archive.ts';
import { collectionFault, leastPatches, lessonOf } from './collection.ts';
import { lossChart } from './loss-chart.ts';
import { type TaughtResult, type TeachingDepth, taughtName } from './messages.ts';
import { outcomePanel } from './outcome-panel.ts';
import { openTeachingStore, type TeachingStore } from './store.ts';
import { surfaceList } from './surface-list.ts';
import { listedTaught } from './taught-models.ts';
import { type Teaching, teach } from './teaching.ts';

export function teachView(setting: ViewSetting): View {
  const { inference, stage, reader, models, goTo } = setting;
  const add = said('button', 'teach.add', { type: 'button' });
  const depths = { head: 'teach.head', all: 'teach.all' } as const satisfies Record<TeachingDepth, string>;
  const depth = choice<TeachingDepth>('depth', 'teach.depth', depths, 'head', () => {});
  const train = said('button', 'teach.train', { type: 'button', class: 'primary', id: 'train' });
  const stop = said('button', 'teach.stop', { type: 'button', hidden: true });
  const fault = element('p', { class: 'note', id: 'teach-fault' });
  const progress = element('p', { class: 'note figure', role: 'status' });
  const chart = lossChart();
  const outcome = outcomePanel();
  const kept = element('p', { class: 'note' });
  let store: TeachingStore | undefined;
  let teaching: Teaching | undefined;
  let learnt: TaughtResult | undefined;

  const list = surfaceList(collect, () => drawFault());

  /** The patch of the square; from a still picture one of its size anywhere, as a hand that moves a camera would bring. */
  function collect() {
    const picture = stage.picture.get();
    if (picture === undefined) return undefined;
    const { sidePx, ...at } = stage.square.get();
    const anywhere = {
      x: Math.random() * (picture.width - sidePx),
      y: Math.random() * (picture.height - sidePx),
    };
    const square = fitted({ ...(picture.kind === 'still' ? anywhere : at), sidePx }, picture);
    return reader.square(picture.element, square).patches;
  }

  function drawFault(): void {
    const found = collectionFault(list.surfaces());
    train.disabled = found !== undefined || teaching !== undefined;
    fault.hidden = found === undefined;
    if (found === 'names') say(fault, 'teach.needNames');
    if (found === 'patches') say(fault, 'teach.needPatches', { least: leastPatches });
  }

  function drawKept(): void {
    say(kept, store === undefined ? 'teach.unkept' : 'teach.kept');
  }

  async function begin(): Promise<void> {
    const base = baseOf(models.get(), inference.model.get());
    if (base === undefined) return;
    chart.begin();
    outcome.hide();
    const source = await base.source();
    if (typeof source.file !== 'string') return;
    teaching = teach({
      base: { name: base.name, file: source.file },
      lesson: lessonOf(list.surfaces()),
      depth: depth.get(),
    });
    stop.hidden = false;
    drawFault();
    teaching.onProgress(({ stage: at, done, total, loss }) => {
      if (loss !== undefined) chart.add(done, total, loss);
      say(progress, 'teach.progress', {
        stage: textOf(`teach.${at}`),
        done: formatNumber(done),
        total: formatNumber(total),
      });
    });
    try {
      const result = await teaching.result;
      if (result !== undefined) await take(result);
      progress.textContent = '';
    } catch (error) {
      say(progress, 'teach.failed', { message: error instanceof Error ? error.message : String(error) });
    }
    teaching = undefined;
    stop.hidden = true;
    drawFault();
  }

  async function take(result: TaughtResult): Promise<void> {
    learnt = result;
    outcome.show(result);
    await store?.keepModel(result).catch(() => {});
    const listed = listedTaught(result);
    models.set([...models.get().filter(({ taught }) => !taught), listed]);
    await inference.choose(listed);
  }

  async function forget(): Promise<void> {
    await store?.clear();
    list.clear();
    outcome.hide();
    learnt = undefined;
    const others = models.get().filter(({ taught }) => !taught);
    models.set(others);
    const state = inference.model.get();
    const current = state.status === 'ready' ? state.model.name : state.name;
    if (current === taughtName && others[0] !== undefined) await inference.choose(others[0]);
  }

  async function restore(): Promise<void> {
    store = await openTeachingStore().catch(() => undefined);
    await list.restore(store);
    const model = await store?.model();
    learnt = model;
    if (model !== undefined) outcome.show(model);
    drawKept();
  }

  add.addEventListener('click', list.add);
  train.addEventListener('click', () => void begin());
  stop.addEventListener('click', () => teaching?.stop());
  outcome.onTry(() => goTo('live'));
  outcome.onDownload(() => {
    if (learnt !== undefined) download(learnt.model, `${taughtName}.onnx`, 'application/octet-stream');
  });
  outcome.onPatches(() => {
    const full = list.surfaces().filter(({ patches }) => patches.length > 0);
    void patchArchive(full).then((zip) => download(zip, 'textura-patches.zip', 'application/zip'));
  });
  outcome.onForget(() => void forget());
  language.watch(() => {
    drawFault();
    drawKept();
    if (learnt !== undefined) outcome.show(learnt);
  });
  void restore();

  return {
    root: element(
      'section',
      { class: 'view teach', 'aria-labelledby': 'teach-heading' },
      said('h2', 'teach.heading', { id: 'teach-heading' }),
      said('p', 'teach.why'),
      said('p', 'teach.holdHint', { class: 'note' }),
      list.root,
      element('div', { class: 'teach-actions' }, add),
      element('div', { class: 'teach-actions' }, depth.root, train, stop),
      fault,
      progress,
      chart.root,
      outcome.root,
      kept,
    ),
    read: async () => {},
    reset() {},
  };
}

/** The exported model that is chosen, or the first: what was taught is not built upon again. */
function baseOf(
  models: readonly ListedModel[],
  state: ReturnType<ViewSetting['inference']['model']['get']>,
): ListedModel | undefined {
  const exported = models.filter(({ taught }) => !taught);
  const name = state.status === 'ready' ? state.model.name : state.name;
  return exported.find((model) => model.name === name) ?? exported[0];
}
