import { existsSync } from 'node:fs';
import { cp, rename, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { greyFromPixels } from '../../../model/image.ts';
import { type Dataset, type DatasetOptions, loadDataset } from '../../../training/data/dataset.ts';
import { cachedImage } from '../../../training/data/pixels.ts';
import { bmpOfRgb } from '../../support/bmp.ts';
import { rawFiles } from '../../support/camera-raw.ts';
import { encoder, pgmOf16, pngFile, ppmOfRgb, rgbPicture } from '../../support/pictures.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const photographs = join(import.meta.dirname, '../../../../shared/datasets/uiuc');

function load(data: string, options: Partial<DatasetOptions> = {}): Promise<Dataset> {
  return loadDataset({ data, patchPx: 64, seed: 1, validationShare: 0.25, cacheBytes: 2 ** 26, ...options });
}

/** `count` different images for each class, called 0.png, 1.png and so on. */
async function classFiles(
  counts: Readonly<Record<string, number>>,
): Promise<Record<string, Buffer | string>> {
  const files: Record<string, Buffer | string> = {};
  let variety = 0;
  for (const [label, count] of Object.entries(counts)) {
    for (let i = 0; i < count; i++) files[`${label}/${i}.png`] = await pngFile(variety++);
  }
  return files;
}

const everyImage = ({ train, validation }: Dataset) => [...train, ...validation];
const namesOf = (images: readonly { readonly name: string }[]) => images.map(({ name }) => name).sort();

async function faultOf(data: string, options: Partial<DatasetOptions> = {}): Promise<string> {
  const error: unknown = await load(data, options).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: 'data-unusable' });
  return (error as Error).message.replaceAll(data, 'DATA');
}

test('a folder of photographs becomes labelled, measured, split images with their pixels', async () => {
  const root = await temporaryFolder(await classFiles({ wood: 8, brick: 4 }));
  const progress: string[] = [];
  const dataset = await load(root, { onProgress: (done, total) => progress.push(`${done}/${total}`) });
  expect(dataset).toMatchObject({ source: root, labels: ['brick', 'wood'], skipped: [], notes: [] });
  expect([dataset.train.length, dataset.validation.length]).toEqual([9, 3]);
  expect(progress).toEqual(Array.from({ length: 12 }, (_, i) => `${i + 1}/12`));
  everyImage(dataset).forEach((image) => {
    const [label, file = ''] = image.name.split('/');
    expect(dataset.labels[image.label]).toBe(label);
    expect([image.width, image.height]).toEqual([70, 66]);
    const variety = Number.parseInt(file, 10) + (label === 'brick' ? 8 : 0);
    const grey = greyFromPixels({ ...rgbPicture(70, 66, variety), channels: 3 });
    expect(dataset.pixels && cachedImage(dataset.pixels, image)).toEqual(grey);
  });
});

test('pixels that exceed the budget are not cached, and nothing else changes', async () => {
  const root = await temporaryFolder(await classFiles({ wood: 5, brick: 4 }));
  const bytes = 9 * 70 * 66;
  const kept = await load(root, { cacheBytes: bytes });
  const streamed = await load(root, { cacheBytes: bytes - 1 });
  expect(kept.pixels).toBeDefined();
  expect(streamed).toEqual({ ...kept, pixels: undefined });
});

describe('the fingerprint', () => {
  test("is independent of the folder's path, file names and creation order", async () => {
    const files = await classFiles({ wood: 5, brick: 4 });
    const [first, second] = [
      await temporaryFolder(files),
      await temporaryFolder(Object.fromEntries(Object.entries(files).reverse())),
    ];
    await rename(join(second, 'wood/0.png'), join(second, 'wood/another name.JPG'));
    const [a, b] = [await load(first), await load(second)];
    expect(a.fingerprint).toMatch(/^[0-9a-f]{64}$/);
    expect(b.fingerprint).toBe(a.fingerprint);
    expect(b.train.map(({ contentHash }) => contentHash)).toEqual(
      a.train.map(({ contentHash }) => contentHash),
    );
  });

  test('does not depend on hidden folders', async () => {
    const files = await classFiles({ wood: 5, brick: 4 });
    const clean = await load(await temporaryFolder(files));
    const extra = await pngFile(99);
    const messy = await load(
      await temporaryFolder({
        ...files,
        '.ipynb_checkpoints/x.png': extra,
        'wood/.ipynb_checkpoints/x.png': extra,
        'brick/._0.png': 'not an image',
      }),
    );
    expect(messy).toMatchObject({ labels: clean.labels, fingerprint: clean.fingerprint, skipped: [] });
    expect(messy.notes).toEqual([
      'ignored 3 hidden or system files and folders (.ipynb_checkpoints, ._0.png)',
    ]);
  });

  test('differs for another seed, another label and another image', async () => {
    const files = await classFiles({ wood: 12, brick: 12 });
    const root = await temporaryFolder(files);
    const fingerprints = [(await load(root)).fingerprint, (await load(root, { seed: 2 })).fingerprint];
    await rename(join(root, 'wood'), join(root, 'timber'));
    fingerprints.push((await load(root)).fingerprint);
    await rm(join(root, 'brick/3.png'));
    fingerprints.push((await load(root)).fingerprint);
    expect(new Set(fingerprints).size).toBe(4);
  });
});

describe('files are read by their content', () => {
  test('with any extension: upper case, unusual, wrong or none', async () => {
    const jpeg = (variety: number) =>
      encoder(rgbPicture(70, 66, variety))
        .jpeg()
        .toBuffer();
    const names = ['IMG_1.JPG', 'b.JPEG', 'c.Png', 'd.jfif', 'e', 'f.dat', '지단.jpg', 'two words.jpg'];
    const files: Record<string, Buffer> = {};
    for (const [i, name] of names.entries()) files[`camera/${name}`] = await jpeg(i);
    files['camera/png.jpg'] = await pngFile(50);
    const root = await temporaryFolder({ ...(await classFiles({ other: 2 })), ...files });
    const dataset = await load(root);
    expect(namesOf(everyImage(dataset))).toEqual(
      [...Object.keys(files), 'other/0.png', 'other/1.png'].sort(),
    );
    expect(dataset.skipped).toEqual([]);
  });

  test('text files are skipped and listed, and do not count in a class', async () => {
    const root = await temporaryFolder({
      ...(await classFiles({ wood: 3, brick: 3 })),
      'wood/licence.txt': 'free',
      'wood/index.csv': 'a,b',
      'wood/empty': '',
      'README.md': '# data',
    });
    const dataset = await load(root);
    expect(everyImage(dataset)).toHaveLength(6);
    expect(dataset.skipped).toEqual([
      { name: 'README.md', why: 'is not in a class folder' },
      { name: 'wood/empty', why: 'the file is empty (0 bytes)' },
      { name: 'wood/index.csv', why: expect.stringMatching(/^expected an image/) },
      { name: 'wood/licence.txt', why: expect.stringMatching(/^expected an image/) },
    ]);
  });

  test('unusable ones are skipped and listed with the reason, if they are at most a tenth of a class', async () => {
    const files = await classFiles({ wood: 50, brick: 3 });
    const whole = await encoder(rgbPicture(90, 90)).jpeg().toBuffer();
    const root = await temporaryFolder({
      ...files,
      'wood/cut.jpg': whole.subarray(0, Math.floor(whole.length * 0.6)),
      'wood/zero.jpg': '',
      'wood/page.jpg': '<!DOCTYPE html>',
      'wood/phone.heic': Buffer.from('\0\0\0\x18ftypheic\0\0\0\0mif1heic', 'latin1'),
      'wood/small.png': await pngFile(1, 80, 63),
    });
    const dataset = await load(root);
    expect(everyImage(dataset)).toHaveLength(53);
    expect(dataset.skipped).toEqual([
      { name: 'wood/cut.jpg', why: expect.stringMatching(/truncated or corrupt/) },
      { name: 'wood/page.jpg', why: expect.stringMatching(/^expected an image/) },
      { name: 'wood/phone.heic', why: expect.stringMatching(/^HEIC files .* convert it to JPEG or PNG$/) },
      {
        name: 'wood/small.png',
        why: '80x63 pixels, smaller than a patch of 64x64; --patch-px 63 would fit',
      },
      { name: 'wood/zero.jpg', why: 'the file is empty (0 bytes)' },
    ]);
  });

  test('BMP, PGM and PPM are read like all others', async () => {
    const picture = (variety: number) => rgbPicture(70, 66, variety);
    const root = await temporaryFolder({
      ...(await classFiles({ wood: 3 })),
      'steel/1.bmp': bmpOfRgb(picture(21)),
      'steel/2.ppm': ppmOfRgb(picture(22)),
      'steel/3': ppmOfRgb(picture(23)),
    });
    const dataset = await load(root);
    expect(dataset.skipped).toEqual([]);
    everyImage(dataset).forEach((image) => {
      const variety = Number(/steel\/(\d)/.exec(image.name)?.[1] ?? Number.NaN) + 20;
      if (Number.isNaN(variety)) return;
      const expected = greyFromPixels({ ...picture(variety), channels: 3 });
      expect(dataset.pixels && cachedImage(dataset.pixels, image)).toEqual(expected);
    });
  });

  test('an image that cannot be decoded counts in its class, whatever its name', async () => {
    const others: Record<string, Buffer | string> = {
      'wood/raw.tif': rawFiles['Nikon raw'] ?? '',
      'wood/raw': rawFiles['DNG (camera raw)'] ?? '',
      'wood/one.pgm': 'P5\n70 66\n255\n',
      'wood/two.dat': 'P7\nWIDTH 70\n',
      'wood/three.txt': Buffer.from([0xff, 0x0a, 1, 2]),
    };
    const root = await temporaryFolder({ ...(await classFiles({ wood: 20, brick: 3 })), ...others });
    const message = await faultOf(root);
    expect(message).toMatch(/^DATA:\n {2}class wood: 5 of 25 images cannot be used/);
    expect(message).toMatch(
      /wood\/raw: DNG \(camera raw\) files are not supported; convert it to JPEG or PNG/,
    );
    expect(message).toMatch(/wood\/raw\.tif: Nikon raw files/);
    const few = await temporaryFolder({ ...(await classFiles({ wood: 50, brick: 3 })), ...others });
    expect(namesOf((await load(few)).skipped)).toEqual(Object.keys(others).sort());
  });

  test('16-bit files with 12-bit data are stretched, and a note lists them', async () => {
    const files: Record<string, Buffer> = {};
    for (let i = 0; i < 7; i++) {
      const samples = Uint16Array.from({ length: 70 * 66 }, (_, at) => ((at + i) * 37) % 4096);
      files[`steel/${i}.pgm`] = pgmOf16(samples, 70);
    }
    const dataset = await load(await temporaryFolder({ ...(await classFiles({ wood: 3 })), ...files }));
    expect(dataset.notes).toEqual([
      '16-bit samples that use a sixteenth of the range (none is above 4095), read as 12-bit data: ' +
        'stretched by 16: steel/0.pgm, steel/1.pgm, steel/2.pgm, steel/3.pgm, steel/4.pgm and 2 more',
    ]);
  });

  test('one with more pixels than --max-image-pixels is rejected', async () => {
    const root = await temporaryFolder(await classFiles({ wood: 3, brick: 3 }));
    expect(await faultOf(root, { maxImagePixels: 70 * 66 - 1 })).toMatch(
      /brick\/0\.png: expected 4619 pixels or fewer \(--max-image-pixels\), got 70x66/,
    );
    expect((await load(root, { maxImagePixels: 70 * 66 })).skipped).toEqual([]);
  });

  test('more than a tenth of a class is an error before anything is trained, naming the first files', async () => {
    const broken = Object.fromEntries(Array.from({ length: 7 }, (_, i) => [`wood/bad${i}.jpg`, 'oops']));
    const root = await temporaryFolder({ ...(await classFiles({ wood: 20, brick: 3 })), ...broken });
    const lines = (await faultOf(root)).split('\n');
    expect(lines.slice(0, 2)).toEqual([
      'DATA:',
      '  class wood: 7 of 27 images cannot be used (at most a tenth may fail):',
    ]);
    expect(lines).toHaveLength(8);
    expect(lines[2]).toMatch(/^ {4}wood\/bad0\.jpg: expected an image/);
    expect(lines[7]).toBe('    and 2 more');
  });

  test('one truncated photograph of a small class is an error with its name', async () => {
    const cut = (await pngFile(77)).subarray(0, 300);
    const root = await temporaryFolder({
      ...(await classFiles({ wood: 3, brick: 3 })),
      'brick/cut.png': cut,
    });
    expect(await faultOf(root)).toMatch(
      /class brick: 1 of 4 images.*\n {4}brick\/cut\.png: the PNG file is truncated/,
    );
  });
});

describe('classes that cannot be trained on are named', () => {
  test('with the reasons why their files were not read', async () => {
    const root = await temporaryFolder({ ...(await classFiles({ wood: 3, brick: 3 })), 'linked/': '' });
    for (let i = 0; i < 6; i++) await symlink(`/mnt/${i}.jpg`, join(root, `linked/${i}.jpg`));
    expect((await faultOf(root)).split('\n')).toEqual([
      'DATA:',
      '  class linked: expected at least two images, got none',
      ...Array.from(
        { length: 5 },
        (_, i) => `    linked/${i}.jpg: a broken link: /mnt/${i}.jpg does not exist`,
      ),
      '    and 1 more',
    ]);
  });

  test('with the folder that is probably meant, if one looks like a data folder', async () => {
    const files = await classFiles({ 'photos/wood': 3, 'photos/brick': 3 });
    const root = await temporaryFolder({ ...files, 'scripts/train.py': 'pass' });
    expect(await faultOf(root)).toMatch(/\. Did you mean --data DATA\/photos\?$/);
  });

  test('empty, with only text files and with one image, all at once', async () => {
    const root = await temporaryFolder({
      ...(await classFiles({ wood: 3, brick: 3, lone: 1 })),
      'empty/': '',
      'texts/a.txt': 'a',
    });
    expect((await faultOf(root)).split('\n')).toEqual([
      'DATA:',
      '  class empty: expected at least two images, got none',
      '  class lone: expected at least two images, got one',
      '  class texts: expected at least two images, got none',
      expect.stringMatching(/^ {4}texts\/a\.txt: expected an image/),
    ]);
  });

  test('with two copies of one image', async () => {
    const copy = await pngFile(60);
    const root = await temporaryFolder({
      ...(await classFiles({ wood: 3 })),
      'twin/a.png': copy,
      'twin/b.png': copy,
    });
    expect(await faultOf(root)).toMatch(
      /^DATA: each class needs at least two different images.* too few in twin$/,
    );
  });

  test('images smaller than a patch, with a --patch-px that works for all of them', async () => {
    const root = await temporaryFolder({
      ...(await classFiles({ wood: 3, brick: 3 })),
      'wood/low.png': await pngFile(80, 90, 41),
      'brick/tiny.png': await pngFile(81, 9, 90),
    });
    const message = await faultOf(root, { patchPx: 67 });
    expect(message).toMatch(
      /brick\/0\.png: 70x66 pixels, smaller than a patch of 67x67; --patch-px 66 would fit/,
    );
    expect(message).toMatch(
      /brick\/tiny\.png: 9x90 pixels.*use a larger image \(the smallest --patch-px is 16\)/,
    );
    expect(message).toMatch(/\n {2}7 images are smaller than a patch: --patch-px 41 fits into all of them$/);
    await rm(join(root, 'brick/tiny.png'));
    expect((await load(root, { patchPx: 41 })).skipped).toEqual([]);
    expect(await faultOf(root, { patchPx: 42 })).toMatch(
      /\n {2}1 image is smaller than a patch: --patch-px 41 fits into it$/,
    );
  });
});

test('a note lists imbalanced classes by name', async () => {
  const root = await temporaryFolder(await classFiles({ wood: 27, brick: 4, sand: 9, velvet: 2 }));
  expect((await load(root)).notes).toEqual([
    'classes are imbalanced: wood has 20 training images, brick 3, velvet 1; every class contributes the same number of patches, ' +
      'and the best epoch is chosen by balanced error, the mean over the classes',
  ]);
});

test('every note is kept, the one about the whole dataset first', async () => {
  const files = await classFiles({ brick: 14, velvet: 2 });
  const copies = Array.from({ length: 12 }, (_, i) => [`brick/copy${i}.png`, files[`brick/${i}.png`] ?? '']);
  const { notes } = await load(await temporaryFolder({ ...files, ...Object.fromEntries(copies) }));
  expect(notes).toHaveLength(13);
  expect(notes[0]).toMatch(/^classes are imbalanced/);
  for (let i = 0; i < 12; i++) {
    expect(notes).toContain(
      `duplicates, kept on the same side of the split: brick/${i}.png, brick/copy${i}.png`,
    );
  }
});

describe('duplicates', () => {
  test('of one class stay on the same side of the split, with a note', async () => {
    const files = await classFiles({ brick: 6, velvet: 6 });
    const root = await temporaryFolder({ ...files, 'brick/copy.png': files['brick/0.png'] ?? '' });
    for (const seed of [1, 2, 3, 4, 5]) {
      const dataset = await load(root, { seed });
      const side = [dataset.train, dataset.validation].map((images) =>
        images.filter(({ name }) => name === 'brick/0.png' || name === 'brick/copy.png'),
      );
      expect(side.map((images) => images.length).sort()).toEqual([0, 2]);
      expect(dataset.notes).toEqual([
        'duplicates, kept on the same side of the split: brick/0.png, brick/copy.png',
      ]);
    }
  });

  test('with two labels are listed by path and never held out', async () => {
    const files = await classFiles({ brick: 6, velvet: 6 });
    const root = await temporaryFolder({ ...files, 'velvet/c.png': files['brick/0.png'] ?? '' });
    const dataset = await load(root, { validationShare: 0.6 });
    expect(dataset.notes).toEqual([
      'identical files are labelled brick and velvet: brick/0.png, velvet/c.png',
    ]);
    expect(namesOf(dataset.train)).toEqual(expect.arrayContaining(['brick/0.png', 'velvet/c.png']));
  });
});

describe('given splits', () => {
  test('are kept, and an image on both sides is removed from training', async () => {
    const files = await classFiles({ 'train/a': 3, 'train/b': 2, 'val/a': 1, 'val/b': 2, 'test/a': 2 });
    const root = await temporaryFolder({ ...files, 'train/a/again.png': files['val/a/0.png'] ?? '' });
    const dataset = await load(root);
    expect(dataset.labels).toEqual(['a', 'b']);
    expect(namesOf(dataset.train)).toEqual([
      'train/a/0.png',
      'train/a/1.png',
      'train/a/2.png',
      'train/b/0.png',
      'train/b/1.png',
    ]);
    expect(namesOf(dataset.validation)).toEqual(['val/a/0.png', 'val/b/0.png', 'val/b/1.png']);
    expect(dataset.notes).toEqual([
      'the test folder is not used in training (2 files)',
      'train/a/again.png is not used in training: it duplicates val/a/0.png of the validation split',
    ]);
    expect(dataset.pixels?.places.size).toBe(8);
  });

  test('with a class that has only validation images are an error', async () => {
    const root = await temporaryFolder(
      await classFiles({ 'train/a': 3, 'train/b': 2, 'val/a': 1, 'val/c': 2 }),
    );
    expect(await faultOf(root)).toBe(
      'DATA:\n  class c: expected at least one training image, got none (it has validation images only)',
    );
  });

  test('with an empty validation folder, or one of only text files, are an error and not an epoch without scores', async () => {
    const files = await classFiles({ 'train/a': 3, 'train/b': 2 });
    const empty = await temporaryFolder({ ...files, 'val/': '' });
    const refusal =
      'DATA:\n  the validation folder has no images: add images of each class, or remove the folder to hold out ' +
      '--validation-share of each class';
    expect(await faultOf(empty)).toBe(refusal);
    const texts = await temporaryFolder({ ...files, 'Validation/a/': '', 'Validation/b/1.txt': 'a' });
    expect(await faultOf(texts)).toMatch(
      new RegExp(`^${refusal}\\n {4}Validation/b/1\\.txt: expected an image`),
    );
  });

  test('with an empty training folder are an error', async () => {
    const root = await temporaryFolder({ 'train/': '', ...(await classFiles({ 'val/a': 1, 'val/b': 1 })) });
    expect(await faultOf(root)).toMatch(/^DATA:\n {2}the training folder has no images\n {2}class a: /);
  });

  test('with one training image of a class are enough, because nothing is held out of it', async () => {
    const files = await classFiles({ 'train/a': 1, 'train/b': 2, 'val/b': 1 });
    const dataset = await load(await temporaryFolder(files));
    expect([dataset.train.length, dataset.validation.length]).toEqual([3, 1]);
  });

  test('without a class in val have the same class indices as with an empty folder of it', async () => {
    const files = await classFiles({ 'train/a': 2, 'train/b': 2, 'train/c': 2, 'val/b': 1, 'val/c': 1 });
    const without = await load(await temporaryFolder(files));
    const empty = await load(await temporaryFolder({ ...files, 'val/a/': '' }));
    expect(without.labels).toEqual(['a', 'b', 'c']);
    expect(without.validation.map(({ name, label }) => [name, label])).toEqual([
      ['val/b/0.png', 1],
      ['val/c/0.png', 2],
    ]);
    for (const key of ['labels', 'fingerprint', 'notes'] as const) expect(empty[key]).toEqual(without[key]);
  });

  test('with a class that is never validated on are noted', async () => {
    const root = await temporaryFolder(await classFiles({ 'train/a': 3, 'train/b': 2, 'val/a': 1 }));
    expect((await load(root)).notes).toEqual([
      'the validation split has no images of b, so their error is unknown',
    ]);
  });

  test('with only training images are split by Textura', async () => {
    const root = await temporaryFolder(await classFiles({ 'train/a': 3, 'train/b': 5 }));
    const dataset = await load(root);
    expect([dataset.train.length, dataset.validation.length]).toEqual([6, 2]);
  });
});

test('a class that is a link is read once, and a loop in it ends', async () => {
  const files = await classFiles({ brick: 3, wood: 3 });
  const [shared, root] = [await temporaryFolder(files), await temporaryFolder()];
  await symlink(join(shared, 'brick'), join(root, 'brick'));
  await cp(join(shared, 'wood'), join(root, 'wood'), { recursive: true });
  await symlink('..', join(root, 'wood/loop'));
  await symlink('nowhere', join(root, 'wood/gone.png'));
  const dataset = await load(root);
  expect(dataset.fingerprint).toBe((await load(shared)).fingerprint);
  expect(dataset.skipped).toEqual([{ name: 'wood/gone.png', why: 'a broken link: nowhere does not exist' }]);
});

test.skipIf(!existsSync(photographs))(
  'the 750 photographs of the UIUC database are all read (skipped without ../shared/datasets/uiuc)',
  async () => {
    const dataset = await load(photographs, { validationShare: 0.2 });
    expect([dataset.labels.length, dataset.train.length, dataset.validation.length]).toEqual([25, 600, 150]);
    expect(dataset.skipped).toEqual([]);
  },
);

describe('groups', () => {
  const groupFile = (groupOf: (name: string) => string) =>
    ['wood', 'brick']
      .flatMap((label) => Array.from({ length: 6 }, (_, i) => `${label}/${i}.png`))
      .reduce((text, name) => `${text}${name},${groupOf(name)}\n`, 'file,group\n');
  const byNumber = (name: string) => `day ${Number.parseInt(name.split('/')[1] ?? '', 10) % 3}`;

  test('stay on one side, and the fingerprint covers which images share one, whatever their names', async () => {
    const root = await temporaryFolder(await classFiles({ wood: 6, brick: 6 }));
    const lists = await temporaryFolder({
      'a.csv': groupFile(byNumber),
      'renamed.csv': groupFile((name) => `session ${byNumber(name)}`),
      'other.csv': groupFile((name) => (name === 'wood/0.png' ? 'day 1' : byNumber(name))),
    });
    const of = (file: string, seed = 1) =>
      load(root, { group: join(lists, file), validationShare: 0.3, seed });
    const dataset = await of('a.csv');
    expect(dataset.groups).toBe(3);
    expect(new Set(namesOf(dataset.validation).map(byNumber)).size).toBe(1);
    expect(dataset.validation).toHaveLength(4);
    expect(dataset.notes).toContain('3 groups, 1 of which is held out');
    const { fingerprint, contentFingerprint } = dataset;
    expect(await of('renamed.csv')).toMatchObject({ fingerprint, contentFingerprint });
    expect((await of('other.csv')).contentFingerprint).not.toBe(contentFingerprint);
    const seeds = await Promise.all([2, 3, 4, 5].map((seed) => of('a.csv', seed)));
    for (const other of seeds) expect(other.contentFingerprint).toBe(contentFingerprint);
    expect(seeds.some((other) => other.fingerprint !== fingerprint)).toBe(true);
    expect((await load(root)).contentFingerprint).not.toBe(contentFingerprint);
  });

  test('divided by the split of the folder are an error', async () => {
    const files = await classFiles({ 'train/a': 3, 'train/b': 2, 'val/a': 1, 'val/b': 2 });
    const root = await temporaryFolder(files);
    expect((await load(root, { group: '^[a-z]+/./.' })).groups).toBe(8);
    expect(await faultOf(root, { group: '\\d' })).toBe(
      'DATA: 2 groups are on both sides of its split: 0, 1; such as train/a/0.png in training. ' +
        'Move each group to one side',
    );
  });
});

describe('a CSV file of labels', () => {
  const csv = (rows: Readonly<Record<string, string>>, header: string) =>
    Object.entries(rows).reduce((text, [file, rest]) => `${text}${file},${rest}\n`, `${header}\n`);
  const labelOf = (name: string) => name.split('/')[0] ?? '';
  const labelled = (files: Readonly<Record<string, unknown>>, rest: (name: string) => string = labelOf) =>
    Object.fromEntries(Object.keys(files).map((name) => [name, rest(name)]));

  test('gives the same dataset as the folder with these classes', async () => {
    const files = await classFiles({ wood: 5, brick: 4 });
    const root = await temporaryFolder({ ...files, 'labels.csv': csv(labelled(files), 'file,label') });
    const { source, ...dataset } = await load(join(root, 'labels.csv'), { cacheBytes: 0 });
    const { source: folder, ...expected } = await load(root, { cacheBytes: 0 });
    expect(dataset).toEqual({ ...expected, skipped: [] });
    expect([source, folder]).toEqual([join(root, 'labels.csv'), root]);
  });

  test('with splits and groups keeps them', async () => {
    const files = await classFiles({ photos: 9 });
    const numberOf = (name: string) => Number.parseInt(name.split('/')[1] ?? '', 10);
    const rest = (name: string) => {
      const number = numberOf(name);
      return `${number % 2 === 0 ? 'even' : 'odd'},${number < 6 ? 'train' : 'validation'},${Math.floor(number / 3)}`;
    };
    const rows = labelled(files, rest);
    const header = 'file,label,split,group';
    const root = await temporaryFolder({
      ...files,
      'labels.csv': csv(rows, header),
      'divided.csv': csv({ ...rows, 'photos/8.png': 'even,train,2' }, header),
    });
    const dataset = await load(join(root, 'labels.csv'));
    expect(dataset).toMatchObject({ labels: ['even', 'odd'], groups: 3 });
    expect(namesOf(dataset.validation)).toEqual(['photos/6.png', 'photos/7.png', 'photos/8.png']);
    expect(dataset.train).toHaveLength(6);
    const divided = join(root, 'divided.csv');
    expect(await faultOf(divided)).toMatch(
      /^DATA: 1 group is on both sides of its split: 2; such as photos\/8\.png/,
    );
    // --group replaces the column.
    expect((await load(divided, { group: '\\d' })).groups).toBe(9);
    await expect(load(divided, { heldOutFold: { fold: 1, folds: 2 } })).rejects.toThrow(
      /has its own validation split.*remove the column split, or leave out --folds$/,
    );
  });

  test('with a split of which no photograph can be used is an error that names the column and the files', async () => {
    const files = { ...(await classFiles({ wood: 9, brick: 9 })), 'wood/broken.png': 'text' };
    const rest = (name: string) => `${labelOf(name)},${name === 'wood/broken.png' ? 'validation' : 'train'}`;
    const root = await temporaryFolder({
      ...files,
      'labels.csv': csv(labelled(files, rest), 'file,label,split'),
    });
    expect(await faultOf(join(root, 'labels.csv'))).toMatch(
      /^DATA:\n {2}the validation split has no images: add images of each class, or remove the column split to hold out --validation-share of each class\n {4}wood\/broken\.png: expected an image/,
    );
  });

  test('with one label, or only validation photographs, is an error', async () => {
    const files = await classFiles({ wood: 2, brick: 2 });
    const root = await temporaryFolder({
      ...files,
      'one.csv': csv(
        labelled(files, () => 'oak'),
        'file,label',
      ),
      'held.csv': csv(
        labelled(files, (name) => `${labelOf(name)},validation`),
        'file,label,split',
      ),
    });
    expect(await faultOf(join(root, 'one.csv'))).toBe('DATA: expected at least two labels, got only oak');
    expect(await faultOf(join(root, 'held.csv'))).toBe(
      'DATA: every line has the split validation; add training photographs',
    );
  });
});
