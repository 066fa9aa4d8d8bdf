/** What the page does with several files at once, and with files that are models. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { encodeMessage } from '../../graph/onnx/protobuf.ts';
import { csvRows } from '../../model/csv.ts';
import { patchBytes } from '../../model/patch.ts';
import { projectFile } from '../../web-demo/page/teach/project-file.ts';
import {
  downloadedText,
  give,
  openPage,
  openSettings,
  readBars,
  sharedPage,
} from '../support/page-browser.ts';
import { classified, pageFixture } from '../support/page-fixture.ts';
import { colourPicture, encoder, rgbPicture } from '../support/pictures.ts';
import { changed, withGraph } from '../support/tampered-model.ts';
import { tolerances } from '../tolerances.ts';

const fixture = pageFixture({});
const shared = sharedPage(() => ({ browser: fixture().browser, address: fixture().server.origin }));

describe('several files', () => {
  test('of pictures become a table with the probabilities of npm run classify, which is saved as CSV', async () => {
    const first = await classified(
      fixture(),
      'first, large.png',
      await colourPicture(210, 150).png().toBuffer(),
    );
    const second = await classified(fixture(), 'second.png', await colourPicture(90, 100).png().toBuffer());
    const small = join(fixture().folder, 'small.png');
    await writeFile(
      small,
      await encoder(rgbPicture(70, 63, 1))
        .png()
        .toBuffer(),
    );
    const notes = join(fixture().folder, 'notes.txt');
    await writeFile(notes, 'no picture');
    const zip = join(fixture().folder, 'project.zip');
    await writeFile(zip, 'no project');
    const { page } = shared();
    await readBars(page);
    // Only the problem of the last file is shown.
    const notices = page.locator('.sources .notice, .project .notice').filter({ visible: true });
    const open = (name: string, text: string) =>
      page
        .locator('#picture-file')
        .setInputFiles({ name, mimeType: 'image/x', buffer: Buffer.from(text, 'latin1') });
    await open('tiny.pgm', 'P5 2 2 255\nabcd');
    await notices.getByText('This picture is 2 x 2 pixels').waitFor();
    await open('damaged.jpg', '\xff\xd8\xff\xe0');
    await notices.getByText('This picture cannot be opened').waitFor();
    expect(await notices.count()).toBe(1);
    await page.getByRole('tab', { name: 'Teach' }).click();
    await page.locator('#project-file').setInputFiles(zip);
    await page.locator('.project .notice', { hasText: 'project.zip is not a project' }).waitFor();
    expect(await notices.count()).toBe(1);

    // Several projects together are all imported, with all of their surfaces.
    const projects = [['X', 'X '], ['Y']].map((names, i) => ({
      name: `${i}.zip`,
      mimeType: 'application/zip',
      buffer: Buffer.from(
        projectFile({
          surfaces: names.map((name, colour) => ({ name, colour, patches: [new Uint8Array(patchBytes)] })),
          trained: undefined,
        }),
      ),
    }));
    await page.locator('#picture-file').setInputFiles(projects);
    const surfaces = page.locator('.surface input');
    const names = () => surfaces.evaluateAll((inputs) => inputs.map((input) => input.value).sort());
    await expect.poll(names).toEqual(['X', 'X ', 'Y']);
    expect(await page.locator('.thumb').count()).toBe(3);

    // With several pictures, whose table is in view, the page says where a project is.
    const [project] = projects as [(typeof projects)[0]];
    const pngs = await Promise.all(
      [first.path, second.path].map(async (name) => ({
        ...{ name, mimeType: 'image/png', buffer: await readFile(name) },
      })),
    );
    await page.locator('#picture-file').setInputFiles([project, ...pngs]);
    await notices.getByText('Teach now has the surfaces of 0.zip too.').waitFor();
    expect(await notices.count()).toBe(1);

    // A zip that is none is reported; the others are in the table.
    await page.locator('#picture-file').setInputFiles([first.path, second.path, small, notes, zip]);
    await page.getByText('is not a project').waitFor();
    expect(await notices.count()).toBe(1);
    await page.getByText('4 pictures, classified by lab-baseline').waitFor();
    const rows = page.locator('.batch-table tbody tr');
    await page.getByText('Each picture is classified as a whole').waitFor();
    // The table is scrolled into view.
    expect((await rows.nth(0).boundingBox())?.y).toBeLessThan(600);
    expect(await rows.nth(2).textContent()).toContain('This picture is 70 x 63 pixels');
    expect(await rows.nth(3).textContent()).toContain('This file is not a picture');
    for (const [i, { predictions }] of [first, second].entries()) {
      expect(await rows.nth(i).locator('.top').textContent()).toBe(predictions[0]?.label);
    }
    // A name shows its picture.
    await rows.nth(1).getByRole('button', { name: 'second.png' }).click();
    await page.locator('.stage-picture canvas[width="90"]').waitFor();

    const csv = await downloadedText(page, 'Save as CSV');
    const [head, ...rowsOfCsv] = csvRows(csv, 'textura-results.csv');
    expect(head?.join()).toBe(
      'file,label,probability,known,known_margin,second_label,second_probability,patches,skipped,model',
    );
    for (const [i, { predictions }] of [first, second].entries()) {
      const [file, label, probability, known, , secondLabel, secondProbability, patches] = rowsOfCsv[i] ?? [];
      expect([file, label, known, secondLabel]).toEqual([
        i === 0 ? 'first, large.png' : 'second.png',
        predictions[0]?.label,
        '',
        predictions[1]?.label,
      ]);
      for (const [figure, expected] of [
        [probability, predictions[0]],
        [secondProbability, predictions[1]],
      ] as const) {
        const difference = Math.abs(Number(figure) - (expected?.probability ?? 0));
        expect(difference).toBeLessThan(tolerances.pageProbability);
      }
      expect(Number(patches)).toBe(i === 0 ? 12 : 4);
    }
    expect(rowsOfCsv[2]?.[8]).toMatch(/^This picture is 70 x 63 pixels, but/);
    expect(rowsOfCsv[3]?.slice(0, 3)).toEqual(['notes.txt', '', '']);
    await page.getByRole('button', { name: 'Close' }).click();
    expect(await page.locator('.batch').isVisible()).toBe(false);
  }, 120_000);

  test('of all kinds are all opened: models, pictures and a project', async () => {
    const { browser, server, folder, models } = fixture();
    const { page } = await openPage(browser, server.origin);
    await readBars(page);
    const onnx = await readFile(join(models, 'lab-baseline.onnx'));
    const picture = join(folder, 'kinds.png');
    await writeFile(picture, await colourPicture(90, 100).png().toBuffer());
    const surfaces = [{ name: 'X', colour: 0, patches: [new Uint8Array(patchBytes)] }];
    const named = (name: string, buffer: Uint8Array) => ({
      ...{ name, mimeType: 'application/octet-stream', buffer: Buffer.from(buffer) },
    });
    await page
      .locator('#picture-file')
      .setInputFiles([
        named('one.png', await readFile(picture)),
        named('first.onnx', onnx),
        named('second.onnx', onnx.subarray(0, 100)),
        named('project.zip', projectFile({ surfaces, trained: undefined })),
        named('two.png', await readFile(picture)),
      ]);
    await page.getByText('second.onnx cannot be used').waitFor();
    await page.locator('.settings-model', { hasText: 'first (opened file)' }).waitFor();
    await page.locator('.stage-picture canvas[width="90"]').waitFor();
    await expect.poll(() => page.locator('.surface input').first().inputValue()).toBe('X');
    await page.getByText('2 pictures, classified by first').waitFor();
    // The message about the model stays while the others are opened.
    expect(await page.getByText('second.onnx cannot be used').isVisible()).toBe(true);
  }, 60_000);

  test('of pictures without a usable model leave no empty table', async () => {
    const { browser, server, folder } = fixture();
    const { page } = await openPage(browser, 'about:blank', { serviceWorkers: 'block' });
    await page.route('**/models/*.onnx', (route) => route.fulfill({ status: 404 }));
    await page.goto(server.origin);
    await page
      .getByText('lab-baseline cannot be used: models/lab-baseline.onnx could not be loaded')
      .waitFor();
    const path = join(folder, 'two.png');
    await writeFile(path, await colourPicture(90, 100).png().toBuffer());
    await page.locator('#picture-file').setInputFiles([path, path]);
    await page.locator('.stage-picture canvas[width="90"]').waitFor();
    expect(await page.locator('.batch').isVisible()).toBe(false);
  }, 60_000);

  test('that are a folder, or were changed after they were chosen, are reported', async () => {
    const { browser, server, folder } = fixture();
    const { page, context, complaints } = await openPage(browser, server.origin);
    await readBars(page);
    const reported = page.getByText('This could not be read: it is a folder, or a file that was');
    const devtools = await context.newCDPSession(page);
    const dropFolder = async () => {
      // The first one only shows where to drop.
      for (const type of ['dragEnter', 'dragOver', 'dragOver', 'drop'] as const) {
        await devtools.send('Input.dispatchDragEvent', {
          type,
          x: 300,
          y: 300,
          data: { items: [], files: [folder], dragOperationsMask: 1 },
        });
      }
      await reported.waitFor({ timeout: 15_000 });
    };
    // On a busy machine a drop can come before Chromium knows that the page accepts it.
    await dropFolder().catch(dropFolder);
    await page.locator('.swatch-patchwork').click();
    await reported.waitFor({ state: 'hidden' });

    await page.getByRole('tab', { name: 'Teach' }).click();
    for (const [input, name, place] of [
      ['#model-file', 'changed.onnx', '.sources'],
      ['#project-file', 'changed.zip', '.project'],
    ] as const) {
      const path = join(folder, name);
      await writeFile(path, 'first');
      // The page hears of the file only after it was changed.
      await page.evaluate(`document.querySelector('${input}').addEventListener(
        'change', (event) => event.stopImmediatePropagation(), { capture: true, once: true })`);
      await page.locator(input).setInputFiles(path);
      await writeFile(path, 'second, which is longer');
      await page.locator(input).dispatchEvent('change');
      await page.locator(place).filter({ has: reported }).waitFor();
    }
    expect(complaints.filter((text) => !text.startsWith('warning'))).toEqual([]);
  }, 60_000);

  test('can be a model: verified with its report, unverified without, refused with the reason if it is not ours', async () => {
    const { browser, server, models } = fixture();
    const { page } = await openPage(browser, server.origin);
    await readBars(page);
    const [onnx, report] = ['lab-baseline.onnx', 'lab-baseline.report.json'].map((name) =>
      join(models, name),
    );
    await give(page, 'drop', onnx ?? '', 'mine.onnx', 'application/octet-stream');
    await page.locator('.settings-model', { hasText: 'mine (opened file)' }).waitFor();
    await page.locator('.provider-check', { hasText: 'Not verified' }).waitFor();
    const unverified = await readBars(page);
    await openSettings(page);
    await page.getByText('This file came without its report').waitFor();
    // WebGPU cannot be checked without a report.
    await page.locator('#provider').selectOption('webgpu');
    await page.locator('.provider-state', { hasText: /^WebAssembly/ }).waitFor();

    await page.locator('#model-file').setInputFiles([onnx ?? '', report ?? '']);
    await page.locator('.settings-model', { hasText: 'lab-baseline 2 (opened file)' }).waitFor();
    await page.locator('.provider-check', { hasText: /^Verified/ }).waitFor();
    expect(await readBars(page)).toEqual(unverified);

    // The same file again is the model that was opened from it, with or without the report.
    await page.locator('#model-file').setInputFiles({
      name: 'copy.onnx',
      mimeType: 'application/octet-stream',
      buffer: await readFile(onnx ?? ''),
    });
    await page.locator('.settings-model', { hasText: 'mine (opened file)' }).waitFor();
    await page.locator('#model-file').setInputFiles([onnx ?? '', report ?? '']);
    await page.locator('.settings-model', { hasText: 'lab-baseline 2 (opened file)' }).waitFor();
    await page.locator('.provider-check', { hasText: /^Verified/ }).waitFor();

    const damaged = join(fixture().folder, 'damaged.report.json');
    await writeFile(damaged, '{"model":');
    await page.locator('#model-file').setInputFiles([onnx ?? '', damaged]);
    await page.getByText(/lab-baseline\.onnx cannot be used: .*damaged\.report\.json is not valid/).waitFor();

    const foreign = join(fixture().folder, 'foreign.onnx');
    await writeFile(foreign, encodeMessage('Model', { irVersion: 8, graph: { name: 'foreign' } }));
    await page.locator('#model-file').setInputFiles(foreign);
    await page.getByText(/foreign\.onnx cannot be used: .*textura\.input/).waitFor();

    // Weights that are not numbers.
    const broken = changed(
      await readFile(onnx ?? ''),
      withGraph(({ initializer = [], ...graph }) => ({
        ...graph,
        initializer: initializer.map((tensor) =>
          tensor.name === 'conv1.bias'
            ? { ...tensor, rawData: new Uint8Array(tensor.rawData?.length ?? 0).fill(0xff) }
            : tensor,
        ),
      })),
    );
    await page.locator('#model-file').setInputFiles({
      ...{ name: 'broken.onnx', mimeType: 'application/octet-stream', buffer: Buffer.from(broken) },
    });
    await page.getByText(/broken\.onnx cannot be used: .*\(its logits are not finite\)/).waitFor();
    await page.locator('.settings-model', { hasText: 'lab-baseline 2 (opened file)' }).waitFor();
    expect(await page.locator('#model option').allTextContents()).toEqual([
      'lab-baseline',
      'mine (opened file)',
      'lab-baseline 2 (opened file)',
    ]);
    await page.locator('#model-file').setInputFiles(report ?? '');
    await page.getByText('Choose an .onnx file').waitFor();
  }, 120_000);

  test('of a model start the page where the server has none', async () => {
    const { browser, server, models } = fixture();
    const { page } = await openPage(browser, 'about:blank', { serviceWorkers: 'block' });
    // As the service of the npm package.
    const headers = { 'X-Textura-Commands': 'npx textura' };
    await page.route('**/models/index.json', (route) => route.fulfill({ headers, json: { models: [] } }));
    await page.goto(server.origin);
    await page.getByText('There are no models yet').waitFor();
    // Several pictures show the first of them, because there is no model to classify them.
    const pictures = [rgbPicture(90, 80, 1), rgbPicture(80, 90, 2)];
    const files = await Promise.all(
      pictures.map(async (picture, i) => ({
        name: `${i}.png`,
        mimeType: 'image/png',
        buffer: await encoder(picture).png().toBuffer(),
      })),
    );
    await page.locator('#picture-file').setInputFiles(files);
    await page.locator('.stage-picture canvas[width="90"]').waitFor();
    expect(await page.locator('#view-teach').isVisible()).toBe(true);
    expect(await page.locator('#view-live').isVisible()).toBe(false);
    expect(await page.locator('pre').textContent()).toBe('npx textura train\nnpx textura export');
    expect(await page.getByRole('link', { name: 'API documentation' }).count()).toBe(1);
    await page.locator('#first-model-file').setInputFiles(join(models, 'lab-baseline.onnx'));
    await page.getByRole('tab', { name: 'Live' }).click();
    expect(await readBars(page)).toHaveLength(5);
  }, 60_000);
});
