import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type Study, type StudyData, studySchema } from '../../model/study-file.ts';
import { trainingConfigSchema } from '../../model/training-config.ts';
import {
  extendedStudy,
  newStudy,
  resumedPlan,
  type StudyPlan,
  studyData,
  variantsOf,
} from '../../study/plan.ts';
import { studyRunConfig, studyRuns } from '../../study/study-directory.ts';
import { loadDataset } from '../../training/data/dataset.ts';
import { smallPhotographs } from '../support/small-photographs.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const settings = trainingConfigSchema.omit({ variant: true, width: true, seed: true });
const planOf = (changes: Partial<StudyPlan> = {}): StudyPlan => ({
  config: settings.parse({ data: 'photos' }),
  recipe: 'default',
  variants: ['reference', 'no-pool2'],
  network: 'reference',
  controls: [],
  tuneRates: undefined,
  marginPoints: 2,
  seeds: [7, 8],
  ...changes,
});

const data: StudyData = {
  fingerprint: 'a'.repeat(64),
  classes: [
    { label: 'brick', images: 5 },
    { label: 'knit', images: 6 },
    { label: 'moss', images: 7 },
  ],
};
const stored: Study = newStudy(planOf(), data);

test('a resumed study keeps its networks and seeds, and adds the requested ones', () => {
  const asked = planOf({ variants: ['reference', 'no-relu1'], seeds: [1, 2, 3] });
  expect(resumedPlan(stored, asked, new Set())).toEqual(planOf());
  // Three seeds of a study that began with 7.
  expect(resumedPlan(stored, asked, new Set(['seeds'])).seeds).toEqual([7, 8, 9]);
  expect(resumedPlan(stored, planOf({ seeds: [7] }), new Set(['seeds', 'seed'])).seeds).toEqual([7, 8]);
  const plan = resumedPlan(stored, asked, new Set(['variants']));
  expect(extendedStudy('study', stored, plan, data)).toMatchObject({
    arms: [{ name: 'reference' }, { name: 'no-relu1' }, { name: 'no-pool2' }],
    seeds: [7, 8],
  });
});

test('a study of texture-net has its parts, one of them in a setting, and stays one of texture-net', () => {
  const names = variantsOf('all', 'texture-net');
  const study = newStudy(planOf({ network: 'texture-net', variants: names }), data);
  expect(studySchema.parse(study)).toEqual(study);
  expect(study.arms.map(({ name }) => name)).toEqual([
    'texture-net',
    ...['no-deviations', 'no-norm', 'no-stage2', 'no-stage3', 'with-stage1', 'no-augmentation'].map(
      (change) => `texture-net-${change}`,
    ),
  ]);
  const strong = { ...study, config: { ...study.config, augment: 'strong' as const } };
  const settingsOf = studyRuns('study', strong).map((run) => studyRunConfig(strong, run));
  expect(settingsOf.slice(0, 7).map(({ augment }) => augment)).toEqual([
    ...Array<string>(6).fill('strong'),
    'none',
  ]);
  expect(settingsOf.map(({ variant }) => variant).slice(5, 7)).toEqual([
    'texture-net-with-stage1',
    'texture-net',
  ]);
  expect(variantsOf('texture-net-no-norm', 'texture-net')).toEqual(['texture-net', 'texture-net-no-norm']);
  expect(variantsOf('no-norm', 'texture-net')).toEqual(['texture-net', 'texture-net-no-norm']);
  expect(() => variantsOf('no-relu1', 'texture-net')).toThrow('got "no-relu1"');
  expect(resumedPlan(study, planOf(), new Set()).network).toBe('texture-net');
  expect(() => resumedPlan(study, planOf(), new Set(['network']))).toThrow(
    '--network was texture-net, now reference',
  );
});

test('another first seed contradicts the study, like any other setting', () => {
  const asked = planOf({ seeds: [5, 6, 7], config: settings.parse({ data: 'photos', batch: 6 }) });
  expect(() => resumedPlan(stored, asked, new Set(['seed', 'batch']))).toThrow(
    expect.objectContaining({
      code: 'usage',
      message: expect.stringContaining('--seed was 7, now 5; --batch was 165, now 6'),
    }),
  );
  expect(() => resumedPlan(stored, planOf({ marginPoints: 3 }), new Set(['margin']))).toThrow(
    '--margin was 2, now 3',
  );
  expect(() => resumedPlan(stored, planOf({ tuneRates: 3 }), new Set(['tuneRates']))).toThrow(
    '--tune-rates was not set, now 3',
  );
});

test('a file of groups may have moved, an expression must be the same', () => {
  const groupedBy = (group: string) => planOf({ config: settings.parse({ data: 'photos', group }) });
  const given = new Set(['group']);
  const byFile = newStudy(groupedBy('old/groups.csv'), data);
  expect(resumedPlan(byFile, groupedBy('new/groups.csv'), given).config.group).toBe('new/groups.csv');
  expect(() => resumedPlan(byFile, groupedBy('[a-z]+'), given)).toThrow(
    '--group was old/groups.csv, now [a-z]+',
  );
  expect(() => resumedPlan(newStudy(groupedBy('[a-z]+'), data), groupedBy('[0-9]+'), given)).toThrow(
    '--group was [a-z]+, now [0-9]+',
  );
});

test.each<[string, StudyData['classes'], string]>([
  [
    'a photograph more',
    [{ label: 'brick', images: 6 }, ...data.classes.slice(1)],
    'brick has 6 images, it had 5',
  ],
  [
    'a class renamed',
    [...data.classes.slice(0, 2), { label: 'sand', images: 7 }],
    'the class moss is missing; the class sand is new',
  ],
  [
    'a photograph replaced',
    data.classes,
    'the classes have as many images, but other images or another split',
  ],
])('data that has changed by %s is refused, saying so', (_, classes, change) => {
  const now = { fingerprint: 'b'.repeat(64), classes };
  const moved = planOf({ config: settings.parse({ data: 'other' }) });
  expect(() => extendedStudy('studies/x', stored, moved, now)).toThrow(
    expect.objectContaining({
      code: 'usage',
      message: expect.stringContaining(
        `other: not the data that the study studies/x started with: ${change}`,
      ),
    }),
  );
});

test('the same data in another folder is accepted; a study of an earlier version records its data when it is resumed', () => {
  const moved = planOf({ config: settings.parse({ data: 'other' }) });
  expect(extendedStudy('study', stored, moved, data).config.data).toBe('other');
  const { data: _, ...old } = stored;
  expect(extendedStudy('study', old, planOf(), data).data).toEqual(data);
});

test('the fingerprint of a study is the same for every seed; a photograph that moves between given splits changes it', async () => {
  const pictures = Object.entries(await smallPhotographs('x', ['brick', 'knit'], 4));
  const folderOf = (place: (path: string) => string) =>
    temporaryFolder(Object.fromEntries(pictures.map(([path, file]) => [place(path), file])));
  const read = async (folder: string, seed: number) =>
    loadDataset({ data: join(folder, 'x'), patchPx: 64, seed, validationShare: 0.25, cacheBytes: 0 });

  const whole = await folderOf((path) => path);
  const [first, second] = [await read(whole, 1), await read(whole, 2)];
  expect(first.fingerprint).not.toBe(second.fingerprint);
  expect(studyData(first)).toEqual(studyData(second));
  expect(studyData(first).classes).toEqual([
    { label: 'brick', images: 4 },
    { label: 'knit', images: 4 },
  ]);

  const heldOut = (numbers: RegExp) => (path: string) =>
    path.replace('x/', numbers.test(path) ? 'x/val/' : 'x/train/');
  const [one, other] = [await folderOf(heldOut(/3.png/)), await folderOf(heldOut(/2.png/))];
  const given = studyData(await read(one, 1));
  expect(studyData(await read(one, 2))).toEqual(given);
  expect(studyData(await read(other, 1)).fingerprint).not.toBe(given.fingerprint);
});
