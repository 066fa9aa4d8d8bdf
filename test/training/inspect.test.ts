import { rmSync, writeFileSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { csvRows } from '../../model/csv.ts';
import { type Inspection, inspectionSchema } from '../../model/inspection-file.ts';
import { validationToCsv } from '../../model/validation-file.ts';
import { drawTexture, type TextureName } from '../../textures/textures.ts';
import { inspectData, inspectOptions } from '../../training/inspection/inspect-data.ts';
import { runHere } from '../support/command.ts';
import { all, parsed, texts } from '../support/parsed-markup.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { writeTrainedRun } from '../support/trained-run.ts';

const classes: readonly TextureName[] = ['brick', 'knit', 'marble', 'water'];
const hostile = 'knit/a <b>, "quoted" & \u001b[31m.png';

let home: string;

async function pngOf(texture: TextureName, index: number, width = 90, height = 70): Promise<Buffer> {
  const { data } = drawTexture(texture, 1, index, width, height);
  return sharp(data, { raw: { width, height, channels: 1 } })
    .png()
    .toBuffer();
}

/** Four classes of ten with one of everything that an inspection finds. */
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'textura-inspect-'));
  const photographs: Record<string, Uint8Array | string> = {};
  for (const texture of classes)
    for (let i = 0; i < 10; i++) photographs[`${texture}/${i}.png`] = await pngOf(texture, i);
  const copy = await sharp(photographs['brick/3.png']).resize(150).jpeg({ quality: 80 }).toBuffer();
  Object.assign(photographs, {
    [hostile]: await pngOf('water', 11),
    'water/copy-of-brick.jpg': copy,
    'marble/copy.png': await sharp(photographs['marble/2.png']).linear(0.8, 20).png().toBuffer(),
    'brick/flat.png': await sharp({ create: { width: 90, height: 70, channels: 3, background: '#888' } })
      .png()
      .toBuffer(),
    'brick/huge.png': await pngOf('brick', 12, 360, 280),
    'brick/broken.jpg': 'no picture',
    'brick/note.txt': 'text',
  });
  for (const [name, content] of Object.entries(photographs)) {
    await mkdir(dirname(join(home, 'photos', name)), { recursive: true });
    await writeFile(join(home, 'photos', name), content);
  }
}, 60_000);
afterAll(() => rm(home, { recursive: true }));

async function contentOf(folder: string): Promise<readonly string[]> {
  const names = (await readdir(folder, { recursive: true })).sort();
  return Promise.all(
    names.map(async (name) => {
      const { mtimeMs, size } = await stat(join(folder, name));
      return `${name} ${size} ${mtimeMs}`;
    }),
  );
}

test('a folder is inspected: labels, copies, odd pictures, unusable files, and nothing in it is changed', async () => {
  const before = await contentOf(join(home, 'photos'));
  const result = await runHere('training/inspect.ts', ['--data', 'photos'], { cwd: home });
  expect(result).toMatchObject({ status: 0, stderr: '' });
  expect(await contentOf(join(home, 'photos'))).toEqual(before);
  const out = join(home, 'inspections/photos');
  expect((await readdir(out)).sort()).toEqual(['groups.csv', 'inspection.json', 'report.html']);
  const inspection = inspectionSchema.parse(JSON.parse(await readFile(join(out, 'inspection.json'), 'utf8')));
  expect(inspection.data).toMatchObject({ source: 'photos', photographs: 45 });
  expect(inspection.data.classes.map(({ label, photographs }) => [label, photographs])).toEqual([
    ['brick', 12],
    ['knit', 11],
    ['marble', 11],
    ['water', 11],
  ]);
  expect(inspection.data.unusable.map(({ name }) => name)).toEqual(['brick/broken.jpg', 'brick/note.txt']);
  const { checked, listed = [], suspicious } = inspection.labels ?? {};
  // The flat picture has no texture.
  expect(checked).toBe(44);
  expect(listed.filter(({ isSuspicious }) => isSuspicious)).toHaveLength(suspicious ?? -1);
  const firstTwo = listed
    .slice(0, 2)
    .map(({ file, label, suggestion }) => `${file}: ${label}, ${suggestion}`);
  expect(firstTwo.toSorted()).toEqual([`${hostile}: knit, water`, 'water/copy-of-brick.jpg: water, brick']);
  expect(
    inspection.duplicates.map(({ kind, photographs }) => [kind, ...photographs.map(({ file }) => file)]),
  ).toEqual([
    ['labels', 'brick/3.png', 'water/copy-of-brick.jpg'],
    ['same', 'marble/2.png', 'marble/copy.png'],
  ]);
  const odd = inspection.oddities.map(({ kind, file, what }) => `${kind} ${file}: ${what}`);
  expect(odd).toContain('flat brick/flat.png: grey levels deviate by 0.0 of 255');
  expect(odd).toContain('size brick/huge.png: 360x280; 90x70 is usual');

  const rows = csvRows(await readFile(join(out, 'groups.csv'), 'utf8'), 'groups.csv');
  expect(rows).toHaveLength(46);
  const groups = new Map(rows.map(([file = '', group]) => [file, group]));
  expect(groups.get('marble/copy.png')).toBe('marble/2.png');
  expect(groups.get(hostile)).toBe(hostile);

  expect(result.stdout).toContain('2 pictures occur more than once: 1 with several labels, 1 with one label');
  expect(result.stdout).toContain('--data photos --group inspections/photos/groups.csv');
  expect(result.stdout).toContain('\\u001b[31m');
  expect(result.stdout).not.toContain('\u001b');
  for (const line of result.stdout.split('\n')) expect(line.length, line).toBeLessThanOrEqual(80);

  const document = parsed(await readFile(join(out, 'report.html'), 'utf8'));
  expect(texts(document, 'h2')).toEqual([
    'Suspicious labels',
    'Near duplicates',
    'Odd pictures',
    'Files that cannot be used',
    'Data',
  ]);
  expect(all(document, 'script,link,iframe,[src]:not([src^="data:"])')).toEqual([]);
  expect(all(document, 'figure b b')).toEqual([]);
  expect(all(document, '.wide figure').length).toBe(listed.length);
});

test('the same folder gives the same inspection, and as a CSV file with splits it shows copies across them', async () => {
  const names = (await readdir(join(home, 'photos'), { recursive: true })).filter((name) =>
    /\.(png|jpg)$/.test(name),
  );
  const rows = names.map((name) => [
    name,
    dirname(name),
    name === 'marble/copy.png' ? 'validation' : 'train',
    dirname(name),
  ]);
  const text = [['file', 'label', 'split', 'group'], ...rows]
    .map((row) => row.map((cell) => `"${cell.replaceAll('"', '""')}"`).join(','))
    .join('\n');
  await mkdir(join(home, 'listed'));
  await cp(join(home, 'photos'), join(home, 'listed'), { recursive: true });
  await writeFile(join(home, 'listed/labels.csv'), text);
  const out = join(home, 'out-csv');
  const { inspection, groups } = await inspectData(
    inspectOptions.parse({ data: join(home, 'listed/labels.csv'), out }),
  );
  const first = JSON.parse(
    await readFile(join(home, 'inspections/photos/inspection.json'), 'utf8'),
  ) as Inspection;
  expect(inspection.labels).toEqual(first.labels);
  expect(inspection.duplicates[1]).toMatchObject({
    kind: 'sides',
    photographs: [{ side: 'train' }, { side: 'validation' }],
  });
  // The file has groups of its own, which must not be replaced.
  expect(groups).toBeUndefined();
  expect(await readdir(out)).not.toContain('groups.csv');
});

describe('with a run', () => {
  /** Two folds with the logits of one network, which takes one photograph of marble for water. */
  async function writeFolds(labels: readonly string[]): Promise<string> {
    const directory = join(home, 'runs/cross');
    for (const fold of [1, 2]) {
      const own = labels.flatMap((label, c) =>
        Array.from({ length: 5 }, (_, i) => ({ name: `${label}/${2 * i + fold - 1}.png`, label, c })),
      );
      const rows = own.flatMap(({ name, c }) => {
        const seen = name === 'marble/4.png' ? labels.indexOf('water') : c;
        return [0, 1].flatMap((patch) => labels.map((_, k) => (k === seen ? 8 : patch + k / 10)));
      });
      const path = join(directory, `fold-${fold}`);
      await writeTrainedRun(path, {
        labels,
        width: 0.1,
        validation: {
          logits: Float32Array.from(rows),
          labels: Int32Array.from(own.flatMap(({ c }) => [c, c])),
          photographs: Int32Array.from(own.flatMap((_, i) => [i, i])),
          classes: labels.length,
        },
      });
      const record = JSON.parse(await readFile(join(path, 'run.json'), 'utf8'));
      record.config = { ...record.config, folds: 2, fold };
      await writeFile(join(path, 'run.json'), JSON.stringify(record));
      const images = own.map(({ name, label }) => ({
        ...{ image: name, label, patches: 2, wrong: 0, top5_wrong: 0, photograph_prediction: label },
      }));
      await writeFile(join(path, 'validation.csv'), validationToCsv(images));
    }
    return directory;
  }
  const inspectWith = (run: string) =>
    inspectData(inspectOptions.parse({ data: join(home, 'photos'), run, out: join(home, 'out-run') }));

  test('labels are checked by networks that had not seen the photograph, and copies across folds are shown', async () => {
    const run = await writeFolds(['brick', 'knit', 'marble', 'water']);
    const { inspection } = await inspectWith(run);
    expect(inspection.labels).toMatchObject({ run, checked: 40, suspicious: 1, disagreement: 1 / 40 });
    expect(inspection.labels?.listed[0]).toMatchObject({
      file: 'marble/4.png',
      label: 'marble',
      suggestion: 'water',
      isSuspicious: true,
    });
    expect(inspection.data.notes.find((note) => note.includes('were not checked'))).toMatch(
      /^the labels of 5 photographs were not checked: brick\/flat\.png/,
    );
    expect(inspection.duplicates[0]?.photographs).toMatchObject([
      { side: 'fold 2' },
      { side: 'no finished fold' },
    ]);

    await rm(join(run, 'fold-2/validation-logits.safetensors'));
    const half = (await inspectWith(run)).inspection;
    expect(half.labels?.checked).toBe(20);
    expect(half.data.notes[0]).toMatch(
      /fold-2 is not finished, so the labels of its photographs are not checked$/,
    );
    await rm(join(run, 'fold-1/validation-logits.safetensors'));
    await expect(inspectWith(run)).rejects.toThrow(/fold-1: there is no validation-logits.*--resume$/);
  });

  test('copies of a validated photograph are in train, or chose the epoch with --choose-on half', async () => {
    const run = join(await writeFolds(['brick', 'knit', 'marble', 'water']), 'fold-2');
    const sides = async () =>
      (await inspectWith(run)).inspection.duplicates[0]?.photographs.map(({ side }) => side);
    expect(await sides()).toEqual(['fold 2', 'train']);
    const record = JSON.parse(await readFile(join(run, 'run.json'), 'utf8'));
    const { fold, folds, ...config } = record.config;
    record.config = { ...config, chooseOn: 'half' };
    await writeFile(join(run, 'run.json'), JSON.stringify(record));
    expect(await sides()).toEqual(['validation', 'train or the choice of the epoch']);
  });

  test('of other data or of no folds is an error', async () => {
    const run = await writeFolds(['bark', 'glass']);
    await expect(inspectWith(run)).rejects.toMatchObject({
      code: 'data-unusable',
      message: expect.stringContaining(
        'the run held out none of these photographs; it has names such as bark/0.png',
      ),
    });
    await expect(inspectWith(join(home, 'photos'))).rejects.toMatchObject({
      code: 'file-unreadable',
      message: expect.stringContaining(
        'expected a run directory, or one that npm run train -- --folds 5 wrote',
      ),
    });
  });
});

test('generated textures and folders without pictures are errors', async () => {
  const inspect = (data: string) => inspectData(inspectOptions.parse({ data, out: join(home, 'out-none') }));
  await expect(inspect('generated')).rejects.toThrow('--data generated: expected a folder of photographs');
  await mkdir(join(home, 'none/a'), { recursive: true });
  await mkdir(join(home, 'none/b'), { recursive: true });
  await writeFile(join(home, 'none/a/1.txt'), 'text');
  await expect(inspect(join(home, 'none'))).rejects.toThrow(/none: none of its 1 file can be used$/);
  // Nothing was written, so there is no empty folder.
  expect(await readdir(home)).not.toContain('out-none');
});

test('groups.csv of an earlier inspection is removed with the last copy, and no other file of that name', async () => {
  const folder = await temporaryFolder({ 'out/groups.csv': 'file,group\n' });
  const [data, out] = [join(folder, 'photos'), join(folder, 'out')];
  for (const name of ['brick/0.png', 'brick/1.png', 'marble/2.png', 'marble/3.png'])
    await cp(join(home, 'photos', name), join(data, name));
  const inspect = (source = data) => inspectData(inspectOptions.parse({ data: source, out }));
  await inspect();
  expect(await readdir(out)).toContain('groups.csv');
  await cp(join(home, 'photos/marble/copy.png'), join(data, 'marble/copy.png'));
  expect((await inspect()).groups).toBe(join(out, 'groups.csv'));
  await rm(join(data, 'marble/copy.png'));
  await inspect();
  expect((await readdir(out)).sort()).toEqual(['inspection.json', 'report.html']);
  await writeFile(join(out, 'groups.csv'), 'file,label\n');
  await expect(inspect(join(out, 'groups.csv'))).rejects.toThrow(/groups\.csv: would replace the data/);
});

test('an inspection inside the data folder, where it would be read as a class, is rejected', async () => {
  const { status, stderr } = await runHere('training/inspect.ts', ['--data', '.'], {
    cwd: join(home, 'photos'),
  });
  expect(status).toBe(2);
  expect(stderr).toMatch(/^inspect: inspections\/photos: is inside the data folder \. and would be read/);
  expect(await readdir(join(home, 'photos'))).not.toContain('inspections');
});

test('a photograph that vanishes before its picture is made is shown without a picture', async () => {
  const data = join(home, 'vanishing');
  const [gone, changed] = [join(data, 'brick/0.png'), join(data, 'brick/1.png')];
  for (const name of ['brick/0.png', 'brick/1.png', 'knit/2.png', 'knit/3.png'])
    await cp(join(home, 'photos', name), join(data, name));
  const out = join(home, 'out-vanishing');
  const { inspection } = await inspectData(inspectOptions.parse({ data, out }), (done, total) => {
    if (done < total) return;
    rmSync(gone);
    writeFileSync(changed, 'no picture');
  });
  expect(inspection.labels?.listed).toHaveLength(4);
  const figures = all(parsed(await readFile(join(out, 'report.html'), 'utf8')), '.sheet figure');
  const pictured = figures.map((figure) => [
    figure.querySelector('figcaption > span:last-child')?.textContent,
    figure.querySelector(':scope > img') !== null,
  ]);
  expect(Object.fromEntries(pictured)).toEqual({
    ...{ 'brick/0.png': false, 'brick/1.png': false, 'knit/2.png': true, 'knit/3.png': true },
  });
});

test('a class without photographs, or with one, is named', async () => {
  for (const name of ['brick', 'knit', 'empty']) await mkdir(join(home, 'sparse', name), { recursive: true });
  for (const copy of ['brick/0.png', 'brick/1.png', 'knit/0.png'])
    await cp(join(home, 'photos', copy), join(home, 'sparse', copy));
  const { status, stdout } = await runHere('training/inspect.ts', ['--data', 'sparse'], { cwd: home });
  expect(status).toBe(0);
  expect(stdout.replace(/\s+/g, ' ')).toContain(
    'Note: empty, knit: a class needs two photographs or more before it can be trained',
  );
});
