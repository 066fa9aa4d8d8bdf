/** The Compare view: all exported models on the same patch. */
import { patchProbabilities } from '../../../model/calibration.ts';
import { preferredModel } from '../../../model/network.ts';
import { topClasses } from '../../../model/scores.ts';
import type { Answer, LoadedModel } from '../../shared/inference-api.ts';
import { superseded } from '../../shared/run-queue.ts';
import { element } from '../dom/element.ts';
import type { ListedModel } from '../inference/model-list.ts';
import { modelParts } from '../inference/model-parts.ts';
import { language, setText, textElement, textOf } from '../language/language.ts';
import type { View, ViewContext } from '../view.ts';
import { type Agreement, type Agrees, type ComparedRow, compareTable } from './compare-table.ts';
import { errorPlot } from './error-plot.ts';

export function compareView({
  inference,
  stage,
  reader,
  models,
  requestReading,
  markShown,
}: ViewContext): View {
  /** The baseline first. */
  let compared: readonly ListedModel[] = [];
  const table = compareTable();
  const status = element('p', { class: 'note', role: 'status' });
  const agreements = new Map<string, Agreement>();
  const plot = errorPlot();
  let ready: readonly LoadedModel[] | undefined;
  /** How many models are loaded, while they are. */
  let done: number | undefined;
  /** Counts up with each reset: models that were loaded before may be on another provider. */
  let resets = 0;

  const showStatus = () => {
    if (done !== undefined) setText(status, 'compare.loading', { done: done + 1, count: compared.length });
    else if (compared.length === 1) setText(status, 'compare.single');
    else {
      setText(status, 'compare.note', { name: compared[0]?.name ?? '' });
      if (compared.some(({ top1errInterval }) => top1errInterval !== undefined))
        status.append(` ${textOf('compare.interval95')}`);
    }
    plot.show(compared, ready ?? []);
  };
  language.subscribe(showStatus);

  /** The chosen model is loaded already. */
  async function loadAll(chosen: LoadedModel): Promise<void> {
    const started = resets;
    const isWanted = () => started === resets;
    const others = compared.filter(({ origin }) => origin === 'exported');
    const loaded = await inference.loadOthers(others, isWanted, (count) => {
      done = count;
      showStatus();
    });
    if (!isWanted()) return;
    ready = loaded.some(({ name }) => name === chosen.name) ? loaded : [...loaded, chosen];
    done = undefined;
    showStatus();
    requestReading();
  }

  function rowsOf(
    loaded: readonly LoadedModel[],
    answers: readonly Answer[],
  ): readonly (ComparedRow | 'unusable')[] {
    const [baseline] = loaded.filter(({ name }) => name === compared[0]?.name);
    const tops = loaded.map((model, i) => topOf(model, answers[i]));
    const expected = baseline && tops[loaded.indexOf(baseline)];
    const agreesOf = (model: LoadedModel, label: string): Agrees => {
      if (model === baseline) return 'baseline';
      if (model.labels.join() !== baseline?.labels.join()) return 'otherClasses';
      return label === expected?.label ? 'same' : 'differs';
    };
    return compared.map(({ name }) => {
      const at = loaded.findIndex((model) => model.name === name);
      const [model, top] = [loaded[at], tops[at]];
      if (model === undefined || top === undefined) return 'unusable';
      const agrees = agreesOf(model, top.label);
      const { same, count } = agreements.get(name) ?? { same: 0, count: 0 };
      const agreement = { same: same + (agrees === 'same' ? 1 : 0), count: count + 1 };
      agreements.set(name, agreement);
      return { ...top, agrees, agreement, runMs: model.runMs };
    });
  }

  return {
    root: element(
      'section',
      { class: 'view compare', 'aria-labelledby': 'compare-heading' },
      textElement('h2', 'compare.heading', { id: 'compare-heading' }),
      modelParts(inference, table.root, status, plot.root),
    ),
    async read() {
      const picture = stage.picture.get();
      const loaded = ready;
      if (picture === undefined || loaded === undefined) return;
      const { patches } = reader.square(picture.element, stage.square.get());
      const names = loaded.map(({ name }) => name);
      const answers = await inference.call('compare', { models: names, patch: patches });
      if (answers === superseded || ready !== loaded) return;
      table.show(rowsOf(loaded, answers));
      markShown(picture);
    },
    reset() {
      resets++;
      ready = undefined;
      done = undefined;
      agreements.clear();
      compared = comparedModels(models.get(), inference.chosen);
      table.list(compared);
      showStatus();
      const state = inference.model.get();
      if (state.status === 'ready') void loadAll(state.model);
    },
  };
}

/**
 * Exported models, first the one that the others are compared with: the network that the ablations change, or
 * the preferred one; then the chosen model if it was taught or opened.
 */
function comparedModels(models: readonly ListedModel[], chosen: ListedModel): readonly ListedModel[] {
  const exported = models.filter(({ origin }) => origin === 'exported');
  const names = exported.map(({ name }) => name);
  const baseline = names.find((name) => name === 'reference') ?? preferredModel(names);
  const sorted = exported.toSorted((a, b) => Number(b.name === baseline) - Number(a.name === baseline));
  return chosen.origin === 'exported' ? sorted : [...sorted, chosen];
}

function topOf({ labels, temperatures }: LoadedModel, answer: Answer | undefined) {
  if (answer === undefined) return undefined;
  const probabilities = patchProbabilities(answer.logits, labels.length, temperatures);
  const [top = 0] = topClasses(probabilities, 1);
  return { label: labels[top] ?? '', probability: probabilities[top] ?? 0 };
}
