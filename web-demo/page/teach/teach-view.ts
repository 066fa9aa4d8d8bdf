/** Teaching: surfaces are named and collected, the network learns them here, and what it has learnt can be taken home. */
import { holdsPatch } from '../../../model/patch.ts';
import { collectionFault, leastPatches, lessonOf } from '../../shared/collection.ts';
import { faultOf } from '../../shared/faults.ts';
import { type TaughtResult, type TeachingDepth, taughtName } from '../../shared/teaching-api.ts';
import { choice } from '../dom/choice.ts';
import { element } from '../dom/element.ts';
import { faultText } from '../inference/provider-bar.ts';
import { formatNumber, language, said, say, textOf } from '../language/language.ts';
import { fitted } from '../stage/square.ts';
import { unkept } from '../storage.ts';
import type { View, ViewSetting } from '../view.ts';
import { download, patchArchive } from './archive.ts';
import { lossChart } from './loss-chart.ts';
import { outcomePanel } from './outcome-panel.ts';
import { type Removal, removal, undoSeconds } from './removal.ts';
import { openTeachingStore, type TeachingStore } from './store.ts';
import { surfaceList } from './surface-list.ts';
import { listedTaught, type Teaching, teach } from './taught-model.ts';

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
  const forgotten = element('div', {});
  let forgetting: Removal | undefined;
  let store: TeachingStore | undefined;
  let teaching: Teaching | undefined;
  let learnt: TaughtResult | undefined;

  const list = surfaceList(collect, () => drawFault());

  /** The patch of the square; from a still picture one of its size anywhere, as a hand that moves a camera would bring. */
  function collect() {
    const picture = stage.picture.get();
    const model = inference.model.get();
    if (picture === undefined) return undefined;
    if (model.status === 'ready' && !holdsPatch(picture, model.model.patchPx)) return undefined;
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
    say(kept, unkept.get().has('teaching') ? 'teach.notStored' : 'teach.stored');
  }

  async function begin(): Promise<void> {
    const base = baseModel();
    if (base === undefined) {
      say(progress, 'teach.noBase');
      return;
    }
    chart.begin();
    outcome.hide();
    try {
      const { file } = await base.source();
      if (typeof file !== 'string') return;
      const lesson = lessonOf(list.surfaces());
      const request = { base: { name: base.name, file }, lesson, depth: depth.get() };
      teaching = teach(request, ({ stage: at, done, total, loss }) => {
        if (loss !== undefined) chart.add(done, total, loss);
        say(progress, 'teach.progress', {
          stage: textOf(`teach.${at}`),
          done: formatNumber(done),
          total: formatNumber(total),
        });
      });
      stop.hidden = false;
      drawFault();
      const result = await teaching.result;
      if (result !== undefined) await take(result);
      progress.textContent = '';
    } catch (error) {
      reportError(error);
      say(progress, 'teach.failed', { reason: faultText(faultOf(error)) });
    } finally {
      teaching = undefined;
      stop.hidden = true;
      drawFault();
    }
  }

  async function take(result: TaughtResult): Promise<void> {
    learnt = result;
    outcome.show(result);
    await store?.keepModel(result);
    await offer(result);
  }

  async function offer(result: TaughtResult): Promise<void> {
    const listed = listedTaught(result);
    models.set([...exported(), listed]);
    await inference.choose(listed);
  }

  const exported = () => models.get().filter(({ taught }) => !taught);
  const chosenName = () => {
    const state = inference.model.get();
    return state.status === 'ready' ? state.model.name : state.name;
  };
  /** The exported model that is chosen, or the first: what was taught is not built upon again. */
  const baseModel = () => exported().find(({ name }) => name === chosenName()) ?? exported()[0];

  /** Takes all away at once, and deletes it when it was not asked back for some seconds. */
  async function forget(): Promise<void> {
    forgetting?.end();
    const model = learnt;
    const wasChosen = chosenName() === taughtName;
    const taken = list.takeAll();
    learnt = undefined;
    outcome.hide();
    chart.begin();
    progress.textContent = '';
    models.set(exported());
    const patches = taken.surfaces.reduce((sum, surface) => sum + surface.patches.length, 0);
    const text = () =>
      textOf('teach.deletedAll', {
        surfaces: formatNumber(taken.surfaces.length),
        patches: formatNumber(patches),
        seconds: formatNumber(undoSeconds),
      });
    if (taken.surfaces.length > 0 || model !== undefined) {
      forgetting = removal('div', text, {
        onUndo() {
          taken.giveBack();
          if (learnt !== undefined || model === undefined) return;
          learnt = model;
          outcome.show(model);
          if (wasChosen) void offer(model);
          else models.set([...exported(), listedTaught(model)]);
        },
        onDelete() {
          taken.delete();
          // Another one may have been taught meanwhile.
          if (learnt === undefined) void store?.removeModel();
        },
      });
      forgotten.replaceChildren(forgetting.root);
      forgetting.focus();
    }
    const [other] = exported();
    if (wasChosen && other !== undefined) await inference.choose(other);
  }

  async function restore(): Promise<void> {
    store = await openTeachingStore();
    await list.restore(store);
    learnt = await store.model();
    if (learnt !== undefined) outcome.show(learnt);
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
  unkept.watch(drawKept);
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
      forgotten,
      kept,
    ),
    read: async () => {},
    reset() {},
  };
}
