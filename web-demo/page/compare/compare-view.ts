/** The Compare view: all exported models on the same patch. */
import { patchProbabilities } from '../../../model/calibration.ts';
import { preferredModel } from '../../../model/network.ts';
import { topClasses } from '../../../model/scores.ts';
import type { Answer } from '../../shared/inference-api.ts';
import { superseded } from '../../shared/run-queue.ts';
import { element } from '../dom/element.ts';
import type { ListedModel } from '../inference/model-list.ts';
import { modelParts } from '../inference/model-parts.ts';
import { language, setText, textElement, textOf } from '../language/language.ts';
import type { View, ViewContext } from '../view.ts';
import { type Agreement, type Agrees, type ComparedRow, compareTable } from './compare-table.ts';
import { errorPlot, type RunTimes } from './error-plot.ts';

export function compareView({
  inference,
  stage,
  reader,
  models,
  requestReading,
  markShown,
}: ViewContext): View {
  const compared = baselineFirst(models.get());
  const hasIntervals = compared.some(({ top1errInterval }) => top1errInterval !== undefined);
  const table = compareTable(compared);
  const status = element('p', { class: 'note', role: 'status' });
  const agreements = new Map<string, Agreement>();
  const plot = errorPlot();
  let ready: readonly string[] | undefined;
  let times: RunTimes = new Map();
  /** How many models are loaded, while they are. */
  let done: number | undefined;
  /** Counts up with each reset: models that were loaded before may be on another provider. */
  let resets = 0;

  const showStatus = () => {
    if (done !== undefined) setText(status, 'compare.loading', { done: done + 1, count: compared.length });
    else if (compared.length === 1) setText(status, 'compare.single');
    else {
      setText(status, 'compare.note', { name: compared[0]?.name ?? '' });
      if (hasIntervals) status.append(` ${textOf('compare.interval95')}`);
    }
    plot.show(compared, times);
  };
  language.subscribe(showStatus);

  async function loadAll(): Promise<void> {
    const started = resets;
    const isWanted = () => started === resets;
    const loaded = await inference.loadOthers(compared, isWanted, (count) => {
      done = count;
      showStatus();
    });
    if (!isWanted()) return;
    ready = loaded.map(({ name }) => name);
    times = new Map(loaded.map(({ name, runMs }) => [name, runMs]));
    done = undefined;
    showStatus();
    requestReading();
  }

  function rowsOf(
    names: readonly string[],
    answers: readonly Answer[],
  ): readonly (ComparedRow | 'unusable')[] {
    const tops = new Map(names.map((name, i) => [name, topOf(compared, name, answers[i])]));
    const [baseline] = compared;
    const expected = tops.get(baseline?.name ?? '')?.label;
    const agreesOf = ({ name, labels }: ListedModel, label: string): Agrees => {
      if (name === baseline?.name) return 'baseline';
      if (labels.join() !== baseline?.labels.join()) return 'otherClasses';
      return label === expected ? 'same' : 'differs';
    };
    return compared.map((model) => {
      const { name } = model;
      const top = tops.get(name);
      if (top === undefined) return 'unusable';
      const agrees = agreesOf(model, top.label);
      const { same, count } = agreements.get(name) ?? { same: 0, count: 0 };
      const agreement = { same: same + (agrees === 'same' ? 1 : 0), count: count + 1 };
      agreements.set(name, agreement);
      return { ...top, agrees, agreement };
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
      const names = ready;
      if (picture === undefined || names === undefined) return;
      const { patches } = reader.square(picture.element, stage.square.get());
      const answers = await inference.call('compare', { models: names, patch: patches });
      if (answers === superseded || ready !== names) return;
      table.show(rowsOf(names, answers));
      markShown(picture);
    },
    reset() {
      resets++;
      ready = undefined;
      done = undefined;
      agreements.clear();
      table.show([]);
      if (inference.model.get().status === 'ready') void loadAll();
    },
  };
}

/**
 * Exported models, first the one that the others are compared with: the network that the ablations change, or
 * the preferred one. Taught and opened models have other classes, so they are not compared.
 */
function baselineFirst(models: readonly ListedModel[]): readonly ListedModel[] {
  const exported = models.filter(({ origin }) => origin === 'exported');
  const names = exported.map(({ name }) => name);
  const baseline = names.find((name) => name === 'reference') ?? preferredModel(names);
  return exported.toSorted((a, b) => Number(b.name === baseline) - Number(a.name === baseline));
}

function topOf(models: readonly ListedModel[], name: string, answer: Answer | undefined) {
  const found = models.find((model) => model.name === name);
  if (found === undefined || answer === undefined) return undefined;
  const { labels } = found;
  const probabilities = patchProbabilities(answer.logits, labels.length, found.temperatures);
  const [top = 0] = topClasses(probabilities, 1);
  return { label: labels[top] ?? '', probability: probabilities[top] ?? 0, inferMs: answer.inferMs };
}
