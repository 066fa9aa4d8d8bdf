import { describe, expect, test } from 'vitest';
import { parameterSpecs } from '../../model/description.ts';
import { variantNames } from '../../model/network.ts';
import { initialParameters, parameter } from '../../model/parameters.ts';
import { type Study, studySchema } from '../../model/study-file.ts';
import { configuredNetwork, trainingConfigSchema } from '../../model/training-config.ts';
import { armsOf } from '../../study/plan.ts';
import { studyRunConfig, studyRuns } from '../../study/study-directory.ts';
import { batchRanges, startDataLoader } from '../../training/data/data-loader.ts';
import { type Dataset, loadDataset } from '../../training/data/dataset.ts';
import { smallPhotographs } from '../support/small-photographs.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const classes = 3;
const seeds = [4, 5];

async function smallStudy(): Promise<Study> {
  const folder = await temporaryFolder(await smallPhotographs('photos', ['brick', 'knit', 'water'], 5));
  const {
    variant: _variant,
    width: _width,
    seed: _seed,
    ...config
  } = trainingConfigSchema.parse({
    data: `${folder}/photos`,
    augment: 'jitter64',
    patchesPerEpoch: 23,
    batch: 5,
  });
  const arms = armsOf(variantNames, ['params'], classes, 'reference');
  const record = { textura: '0.1.0', recipe: 'default', config, arms, seeds, failures: {} };
  return studySchema.parse({ ...record, startedAt: '2026-02-03T04:05:06Z' });
}

const runsOf = (study: Study, seed: number) => studyRuns('study', study).filter((run) => run.seed === seed);

/** The data of a run, and every training patch of its first two epochs in order, as hexadecimal. */
async function seen(config: ReturnType<typeof studyRunConfig>): Promise<{ data: Dataset; patches: string }> {
  const data = await loadDataset({ ...config, cacheBytes: 2 ** 24 });
  const source = startDataLoader({ ...data, ...config, cacheBytes: 0 }, 1);
  const requests = [1, 2].flatMap((epoch) =>
    batchRanges(config.patchesPerEpoch, config.batch).map(
      (range) => ({ split: 'train', epoch, ...range }) as const,
    ),
  );
  let patches = '';
  for await (const batch of source.batches(requests)) patches += Buffer.from(batch.patches).toString('hex');
  await source.close();
  return { data, patches };
}

describe('with the same seed', () => {
  test('every arm gets the same split and the same patches in the same order, and another seed gets others', async () => {
    const study = await smallStudy();
    const [first, ...others] = runsOf(study, 4).filter(({ arm }) =>
      ['reference', 'no-pool2', 'lab-baseline', 'reference-with-params-of-no-conv4-pool4'].includes(arm.name),
    );
    if (first === undefined) throw new Error('the study has no reference');
    const expected = await seen(studyRunConfig(study, first));
    expect(others).toHaveLength(3);
    for (const run of others) {
      const got = await seen(studyRunConfig(study, run));
      expect(got.data.fingerprint, run.name).toBe(expected.data.fingerprint);
      expect(got.patches === expected.patches, run.name).toBe(true);
    }
    const other = await seen(studyRunConfig(study, { ...first, seed: 5 }));
    expect(other.data.fingerprint).not.toBe(expected.data.fingerprint);
    expect(other.patches === expected.patches).toBe(false);
  });

  test("every variant starts from the reference's values in layers with the same name and shape", async () => {
    const study = await smallStudy();
    const [reference, ...others] = runsOf(study, 5)
      .filter(({ arm }) => arm.controls === undefined)
      .map((run) => {
        const network = configuredNetwork(studyRunConfig(study, run), { classes, meanGrey: 0 });
        return { name: run.name, specs: parameterSpecs(network), values: initialParameters(network, 5) };
      });
    if (reference === undefined) throw new Error('the study has no reference');
    const shapes = new Map(reference.specs.map(({ name, shape }) => [name, String(shape)]));
    for (const { name, specs, values } of others) {
      const shared = specs.filter((spec) => shapes.get(spec.name) === String(spec.shape));
      expect(shared.length, name).toBeGreaterThan(3);
      for (const spec of shared) {
        const [own, expected] = [parameter(values, spec.name), parameter(reference.values, spec.name)];
        expect(
          own.every((value, i) => value === expected[i]),
          `${name} ${spec.name}`,
        ).toBe(true);
      }
    }
  });
});
