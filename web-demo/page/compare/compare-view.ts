/** Every exported network on the same patch. */
import { softmaxRows, topClasses } from '../../../model/scores.ts';
import type { Answer } from '../../shared/inference-api.ts';
import { superseded } from '../../shared/run-queue.ts';
import { element } from '../dom/element.ts';
import type { ListedModel } from '../inference/model-list.ts';
import { language, said, say } from '../language/language.ts';
import type { View, ViewSetting } from '../view.ts';
import { type Agreement, counted, noAgreement } from './agreement.ts';
import { type ComparedRow, compareTable } from './compare-table.ts';

const referenceName = 'reference';

export function compareView({ inference, stage, reader, models, requestReading, shown }: ViewSetting): View {
  const compared = referenceFirst(models.get());
  const table = compareTable(compared);
  const status = element('p', { class: 'note', role: 'status' });
  const agreements = new Map<string, Agreement>();
  let ready: readonly string[] | undefined;
  let loading = false;

  const tellStatus = () => {
    if (loading) say(status, 'compare.loading', { count: compared.length });
    else say(status, compared.length === 1 ? 'compare.single' : 'compare.note');
  };
  language.watch(tellStatus);

  async function loadAll(): Promise<void> {
    loading = true;
    tellStatus();
    try {
      ready = await inference.loadOthers(compared);
    } finally {
      loading = false;
      tellStatus();
    }
    requestReading();
  }

  function rowsOf(
    names: readonly string[],
    answers: readonly Answer[],
  ): readonly (ComparedRow | 'unusable')[] {
    const tops = new Map(names.map((name, i) => [name, topOf(compared, name, answers[i])]));
    const reference = tops.get(compared[0]?.name ?? '');
    return compared.map(({ name }, i) => {
      const top = tops.get(name);
      if (top === undefined) return 'unusable';
      const agrees = i === 0 ? undefined : top.label === reference?.label;
      const agreement =
        agrees === undefined ? noAgreement : counted(agreements.get(name) ?? noAgreement, agrees);
      agreements.set(name, agreement);
      return { ...top, agrees, agreement };
    });
  }

  return {
    root: element(
      'section',
      { class: 'view compare', 'aria-labelledby': 'compare-heading' },
      said('h2', 'compare.heading', { id: 'compare-heading' }),
      table.root,
      status,
    ),
    async read() {
      const picture = stage.picture.get();
      const names = ready;
      if (picture === undefined || names === undefined) return;
      const { patches } = reader.square(picture.element, stage.square.get());
      const given = await inference.call('compare', { models: names, patch: patches });
      if (given === superseded || ready !== names) return;
      table.show(rowsOf(names, given));
      shown(picture);
    },
    reset() {
      ready = undefined;
      agreements.clear();
      table.show([]);
      if (inference.model.get().status === 'ready') void loadAll();
    },
  };
}

/** Exported models; what was taught here has other classes and cannot agree. */
function referenceFirst(models: readonly ListedModel[]): readonly ListedModel[] {
  const exported = models.filter(({ taught }) => !taught);
  return [
    ...exported.filter(({ name }) => name === referenceName),
    ...exported.filter(({ name }) => name !== referenceName),
  ];
}

function topOf(models: readonly ListedModel[], name: string, answer: Answer | undefined) {
  const labels = models.find((model) => model.name === name)?.labels;
  if (labels === undefined || answer === undefined) return undefined;
  const probabilities = softmaxRows(answer.logits, labels.length);
  const [top = 0] = topClasses(probabilities, 1);
  return { label: labels[top] ?? '', probability: probabilities[top] ?? 0, inferMs: answer.inferMs };
}
