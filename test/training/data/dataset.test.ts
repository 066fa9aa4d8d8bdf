import { existsSync } from 'node:fs';
import { cp, rename, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { unzipSync } from 'fflate';
import { describe, expect, test } from 'vitest';
import { greyFromPixels } from '../../../model/image.ts';
import { patchBytes } from '../../../model/patch.ts';
import { labelledFolder } from '../../../serve/evaluation/labelled-folder.ts';
import { cachedImage } from '../../../training/data/pixels.ts';
import { projectFile } from '../../../web-demo/page/teach/project-file.ts';
import { bmpOfRgb } from '../../support/bmp.ts';
import { rawFiles } from '../../support/camera-raw.ts';
import { encoder, pgmOf16, pngFile, ppmOfRgb, rgbPicture } from '../../support/pictures.ts';
import { classFiles, everyImage, faultOf, load, namesOf } from '../../support/small-dataset.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const photographs = join(import.meta.dirname, '../../../../shared/datasets/uiuc');

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

  test('a project that the page exported has no skipped files, but what was added to it is listed', async () => {
    const trained = {
      ...{ name: 'yard', model: Uint8Array.of(1), labels: ['brick', 'wood'], colours: [1, 0], base: 'x' },
      ...{ heldOut: { wrong: 0, count: 2 }, heldOutOf: [], trainingPatches: 4, seconds: 1, selfCheck: [] },
    };
    const surfaces = ['wood', 'brick'].map((name, colour) => ({
      name,
      colour,
      patches: Array.from({ length: 3 }, (_, i) =>
        Uint8Array.from({ length: patchBytes }, (__, p) => (p * (i + colour + 1)) % 251),
      ),
    }));
    const files = Object.fromEntries(
      Object.entries(unzipSync(projectFile({ surfaces, trained }))).map(([name, bytes]) => [
        name,
        Buffer.from(bytes),
      ]),
    );
    expect(Object.keys(files)).toEqual(expect.arrayContaining(['README.txt', 'project.json', 'yard.onnx']));
    const folder = await temporaryFolder({ ...files, 'notes.txt': 'mine' });
    const dataset = await load(folder);
    expect(everyImage(dataset)).toHaveLength(6);
    const notes = [{ name: 'notes.txt', why: 'is not in a class folder' }];
    expect(dataset.skipped).toEqual(notes);
    expect((await labelledFolder(folder)).skipped, 'in an evaluation').toEqual(notes);
    // The description of something else is no file of ours.
    const other = await load(await temporaryFolder({ ...files, 'project.json': '{}' }));
    expect(other.skipped.map(({ name }) => name)).toEqual(['README.txt', 'project.json', 'yard.onnx']);
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
