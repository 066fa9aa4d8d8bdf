/** The Teach view: a person names surfaces and collects patches, and the page trains a model on them. */
import { preferredModel } from '../../../model/network.ts';
import { holdsPatch } from '../../../model/patch.ts';
import { pageFaultOf } from '../../shared/faults.ts';
import { folderName, minPatches, splitSurfaces, surfacesFault } from '../../shared/surfaces.ts';
import {
  defaultTaughtName,
  pretrainedFile,
  pretrainedName,
  type TaughtResult,
  type TeachingDepth,
  type TeachingRequest,
} from '../../shared/teaching-api.ts';
import { choice } from '../dom/choice.ts';
import { element } from '../dom/element.ts';
import { download, isUnreadable } from '../dom/files.ts';
import { faultText, language, setText, textElement, textOf } from '../language/language.ts';
import { fitted } from '../stage/square.ts';
import { notStored } from '../storage.ts';
import type { View, ViewContext } from '../view.ts';
import { lossChart } from './loss-chart.ts';
import { ProjectError, projectFile, readProject } from './project-file.ts';
import { type Removal, removal, undoSeconds } from './removal.ts';
import type { TeachingStore } from './store.ts';
import { surfaceList } from './surface-list.ts';
import { listedTaught, namedFreely, type Teaching, teach } from './taught-model.ts';
import { trainingResultPanel } from './training-result.ts';

interface TeachView extends View {
  /**
   * Adds the surfaces and the model of a project file. Returns whether it added all of it; a problem is shown
   * with the controls for the picture.
   */
  importProject(file: File): Promise<boolean>;
}

export function teachView(context: ViewContext, store: TeachingStore): TeachView {
  const { inference, stage, reader, models, goTo, isPictureChanging, notify } = context;
  const add = textElement('button', 'teach.add');
  const depths = { head: 'teach.head', all: 'teach.all' } as const satisfies Record<TeachingDepth, string>;
  const depth = choice<TeachingDepth>('depth', 'teach.depth', depths, 'head', () => {});
  const train = textElement('button', 'teach.train', { class: 'primary', id: 'train' });
  const stop = textElement('button', 'page.stop', { hidden: true });
  const modelName = element('input', {
    type: 'text',
    id: 'taught-name',
    value: defaultTaughtName,
    placeholder: defaultTaughtName,
    maxlength: 60,
    autocomplete: 'off',
  });
  const fault = element('p', { class: 'note', id: 'teach-fault' });
  const progress = element('p', { class: 'note figure', role: 'status' });
  const chart = lossChart();
  const resultPanel = trainingResultPanel({ onTry: () => goTo('live') });
  const exportProject = textElement('button', 'teach.export');
  const projectInput = element('input', {
    type: 'file',
    accept: '.zip',
    id: 'project-file',
    class: 'visually-hidden',
  });
  const deleteEverything = textElement('button', 'teach.deleteAll');
  const storageNote = element('p', { class: 'note' });
  const deleted = element('div', {});
  let deletion: Removal | undefined;
  let teaching: Teaching | undefined;
  let trained: TaughtResult | undefined;

  const list = surfaceList(store, collect, () => drawFault());

  /**
   * The patch of the square. From a still picture, one of its size at a random position, like a moving camera
   * would give.
   */
  function collect() {
    const picture = stage.picture.get();
    const model = inference.model.get();
    if (picture === undefined || isPictureChanging()) return undefined;
    if (model.status === 'ready' && !holdsPatch(picture, model.model.patchPx)) return undefined;
    const { sidePx, ...at } = stage.square.get();
    const anywhere = {
      x: Math.random() * (picture.width - sidePx),
      y: Math.random() * (picture.height - sidePx),
    };
    const square = fitted({ ...(picture.kind === 'still' ? anywhere : at), sidePx }, picture);
    return reader.square(picture.element, square).patches;
  }

  /** The name of the model as a file name; undefined if it is none or belongs to another model. */
  function chosenTaughtName(): string | undefined {
    const name = folderName(modelName.value);
    return models.get().some((model) => model.origin !== 'taught' && model.name === name) ? undefined : name;
  }

  function drawFault(): void {
    const surfaces = list.surfaces();
    const found = surfacesFault(surfaces) ?? (chosenTaughtName() === undefined ? 'model-name' : undefined);
    exportProject.disabled = surfaces.every(({ patches }) => patches.length === 0);
    train.disabled = found !== undefined || teaching !== undefined;
    fault.hidden = found === undefined;
    if (found !== undefined) setText(fault, `teach.need-${found}`, { least: minPatches });
  }

  function drawStorageNote(): void {
    setText(storageNote, notStored.get().has('teaching') ? 'teach.notStored' : 'teach.stored');
  }

  async function begin(): Promise<void> {
    const name = chosenTaughtName();
    if (name === undefined) return;
    chart.begin();
    resultPanel.show(undefined);
    setText(progress, 'live.loading');
    try {
      const split = splitSurfaces(list.surfaces());
      const provider = inference.provider.get().active ?? 'wasm';
      const request = { name, base: baseFile(), split, depth: depth.get(), provider };
      teaching = teach(request, ({ stage: at, done, total, loss }) => {
        if (loss !== undefined) chart.add(done, total, loss);
        setText(progress, 'teach.progress', {
          stage: textOf(`teach.${at}`),
          done,
          total,
        });
      });
      stop.hidden = false;
      drawFault();
      const result = await teaching.result;
      // It may have been renamed in the meantime.
      if (result !== undefined) await offer({ ...result, name: chosenTaughtName() ?? name });
      else chart.begin();
      progress.textContent = '';
    } catch (error) {
      reportError(error);
      setText(progress, 'teach.failed', { reason: faultText(pageFaultOf(error)) });
    } finally {
      teaching = undefined;
      // The model before stays if the training was stopped or failed.
      resultPanel.show(trained);
      drawFault();
      if (document.activeElement === stop) train.focus();
      stop.hidden = true;
    }
  }

  /** Shows and stores the trained model, adds it to the list of models, and chooses it if wanted. */
  async function offer(result: TaughtResult, isWanted = true): Promise<void> {
    trained = result;
    resultPanel.show(result);
    await store.saveModel(result);
    const listed = listedTaught(result);
    models.set([...others(), listed]);
    if (isWanted) await inference.choose(listed);
  }

  /** Renames the trained model, which the list of models then has under the new name. */
  async function rename(): Promise<void> {
    drawFault();
    const name = chosenTaughtName();
    if (name === undefined || trained === undefined || name === trained.name) return;
    await offer({ ...trained, name }, inference.chosen.name === trained.name);
  }

  async function importProject(file: File, noticeBefore?: HTMLElement): Promise<boolean> {
    notify(undefined);
    try {
      const project = readProject(new Uint8Array(await file.arrayBuffer()));
      // What was removed may be part of the project, and Undo would double it.
      deletion?.end();
      list.addAll(project.surfaces);
      const isWhole = project.leftOut === 0;
      if (!isWhole) notify('teach.leftOut', { file: file.name, count: project.leftOut }, noticeBefore);
      if (project.trained === undefined) return isWhole;
      const imported = namedFreely(project.trained, others());
      const before = inference.chosen;
      await inference.choose(listedTaught(imported));
      const state = inference.model.get();
      if (state.status !== 'failed') {
        modelName.value = imported.name;
        await offer(imported);
        return isWhole;
      }
      // A damaged model does not replace the trained one.
      if (models.get().includes(before)) await inference.choose(before);
      if (isWhole)
        notify('model.failed', { name: imported.name, reason: faultText(state.fault) }, noticeBefore);
      return false;
    } catch (error) {
      if (error instanceof ProjectError) notify(`teach.${error.fault}`, { file: file.name }, noticeBefore);
      else if (isUnreadable(error)) notify('file.unreadable', {}, noticeBefore);
      else throw error;
      return false;
    }
  }

  const others = () => models.get().filter(({ origin }) => origin !== 'taught');
  const exported = () => models.get().filter(({ origin }) => origin === 'exported');
  /** The chosen exported model, or the preferred one. The taught model is never the base. */
  const baseModel = () => {
    const named = (wanted: string | undefined) => exported().find(({ name }) => name === wanted);
    return named(inference.chosen.name) ?? named(preferredModel(exported().map(({ name }) => name)));
  };

  /** Name and address of the base model; without an exported one, those of the pre-trained network. */
  function baseFile(): TeachingRequest['base'] {
    const { name, file } = baseModel() ?? {};
    return name === undefined || typeof file !== 'string'
      ? { name: pretrainedName, file: new URL(pretrainedFile, document.baseURI).href }
      : { name, file };
  }

  /** Removes everything now, and deletes it after some seconds unless it is undone. */
  async function deleteAll(): Promise<void> {
    // Its model would have the surfaces that are deleted.
    teaching?.stop();
    // A second press deletes nothing more.
    if (trained === undefined && list.isEmpty()) return deletion?.focus();
    deletion?.end();
    const model = trained;
    const wasChosen = model !== undefined && inference.chosen.name === model.name;
    const removed = list.removeAll();
    trained = undefined;
    resultPanel.show(undefined);
    chart.begin();
    progress.textContent = '';
    models.set(others());
    const patches = removed.surfaces.reduce((sum, surface) => sum + surface.patches.length, 0);
    const text = () =>
      textOf('teach.deletedAll', {
        surfaces: removed.surfaces.length,
        patches,
        seconds: undoSeconds,
      });
    deletion = removal('div', text, {
      onUndo() {
        removed.restore();
        if (trained === undefined && model !== undefined) void offer(model, wasChosen);
      },
      onDelete() {
        removed.delete();
        // Another model may have been trained in the meantime.
        if (trained === undefined) void store.removeModel();
      },
    });
    deleted.replaceChildren(deletion.root);
    deletion.focus();
    const [other] = others();
    if (wasChosen && other !== undefined) await inference.choose(other);
  }

  async function load(): Promise<void> {
    await list.load();
    const stored = await store.model();
    trained = stored && namedFreely(stored, others());
    resultPanel.show(trained);
    if (trained !== undefined) modelName.value = trained.name;
    drawFault();
  }

  modelName.addEventListener('input', drawFault);
  modelName.addEventListener('change', () => void rename());
  exportProject.addEventListener('click', () => {
    const surfaces = list.surfaces().filter(({ patches }) => patches.length > 0);
    // Without waiting for anything: a browser may refuse a download some seconds after the click.
    download(
      projectFile({ surfaces, trained }),
      `${chosenTaughtName() ?? defaultTaughtName}.textura.zip`,
      'application/zip',
    );
  });
  projectInput.addEventListener('change', () => {
    const [file] = projectInput.files ?? [];
    if (file !== undefined) void importProject(file, deleted);
    projectInput.value = '';
  });
  deleteEverything.addEventListener('click', () => void deleteAll());
  add.addEventListener('click', list.add);
  train.addEventListener('click', () => void begin());
  stop.addEventListener('click', () => teaching?.stop());
  // The browser then asks first: patches are stored, a training is not.
  addEventListener('beforeunload', (event) => {
    if (teaching !== undefined) event.preventDefault();
  });
  notStored.subscribe(drawStorageNote);
  language.subscribe(() => {
    drawFault();
    drawStorageNote();
    resultPanel.show(trained);
  });
  void load();

  return {
    root: element(
      'section',
      { class: 'view teach', 'aria-labelledby': 'teach-heading' },
      textElement('h2', 'teach.heading', { id: 'teach-heading' }),
      textElement('p', 'teach.why'),
      textElement('p', 'teach.holdHint', { class: 'note' }),
      list.root,
      element('div', { class: 'teach-actions' }, add),
      element(
        'div',
        { class: 'teach-train' },
        element(
          'p',
          { class: 'field' },
          textElement('label', 'teach.modelName', { for: modelName.id }),
          modelName,
        ),
        depth.root,
        element('div', { class: 'teach-actions' }, train, stop),
      ),
      fault,
      progress,
      chart.root,
      resultPanel.root,
      element(
        'section',
        { class: 'project', 'aria-labelledby': 'project-heading' },
        textElement('h3', 'teach.project', { id: 'project-heading' }),
        storageNote,
        element(
          'div',
          { class: 'teach-actions' },
          exportProject,
          projectInput,
          textElement('label', 'teach.import', { class: 'button', for: projectInput.id }),
          deleteEverything,
        ),
        deleted,
      ),
    ),
    importProject: (file) => importProject(file),
    read: async () => {},
    reset() {},
  };
}
