import assert from 'node:assert';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { unzipSync, zipSync } from 'fflate';
import type { Page } from 'playwright-core';
import { describe, expect, onTestFinished, test } from 'vitest';
import { describeModel } from '../../graph/onnx/description.ts';
import { metadataKeys } from '../../model/model-file.ts';
import { patchBytes } from '../../model/patch.ts';
import { decodeImage } from '../../node/image-decoder.ts';
import { modelCheckOf } from '../../serve/registry/model-check.ts';
import { listModelFolder, readReport } from '../../serve/registry/model-folder.ts';
import { SandboxCheck, sandboxRequestOf } from '../../serve/registry/sandbox-check.ts';
import { runHere } from '../support/command.ts';
import { largestDifference, runOnPatches } from '../support/onnx-session.ts';
import { openSettings, readBars } from '../support/page-browser.ts';
import { openView, openWith, pageFixture } from '../support/page-fixture.ts';
import { pythonAnswer } from '../support/python-answer.ts';
import { collect, names, storedNames } from '../support/teach-page.ts';
import { overconfidentValidation, sixTextures } from '../support/trained-run.ts';
import { tolerances } from '../tolerances.ts';

const fixture = pageFixture({
  models: [
    { variant: 'lab-baseline', labels: sixTextures, validation: overconfidentValidation(6) },
    { variant: 'no-relu4', labels: sixTextures, top1err: 0.125 },
  ],
});

describe('Teach', () => {
  /** The model that the first test downloaded, and one of its training patches. */
  let taught: { readonly model: Uint8Array; readonly patch: Uint8Array } | undefined;

  test('trains on three surfaces, stores them, and downloads an ONNX file that other runtimes load', async () => {
    const { page } = await openView(fixture(), 'teach', { acceptDownloads: true });
    // Positions of the patches from the minimal standard generator of Park and Miller (1988).
    await page.evaluate(
      '(() => { let state = 1; Math.random = () => (state = (state * 48271) % 2147483647) / 2147483647; })()',
    );
    await page.getByRole('button', { name: 'Add a surface' }).click();
    const names = ['10', '2', 'é'] as const;
    await collect(page, 0, 'brick', names[2], 20);
    await collect(page, 1, 'knit', names[0], 20);
    await collect(page, 2, 'water', names[1], 20);
    await page.locator('.thumb').first().click();
    await page.getByLabel('Name of the model').fill('lab-baseline');
    await page.getByText('Choose a name for the model that no other model has').waitFor();
    expect(await page.locator('#train').isDisabled()).toBe(true);
    await page.getByLabel('Name of the model').fill('yard');
    await page.locator('#train').click();
    await page.locator('#held-out', { hasText: 'held-out patches wrong' }).waitFor();
    // On features of an untrained network; guessing has seven or eight wrong.
    expect(await page.locator('#held-out').textContent()).toMatch(/^[0-4] of 1\d /);
    await page
      .locator('#model option:checked', { hasText: 'yard (trained here)' })
      .waitFor({ state: 'attached' });
    await expectColours(page);

    await page.reload();
    await page.locator('#held-out', { hasText: 'held-out patches wrong' }).waitFor();
    expect(await page.locator('.thumb').count()).toBeGreaterThanOrEqual(59);
    // The model keeps its name when the page is opened again, and gets another one when it is renamed.
    await page.getByLabel('Name of the model').fill('garden');
    await page.keyboard.press('Tab');
    await page.getByText('Saved as garden in the list of models').waitFor();
    await page.locator('#model option', { hasText: 'garden (trained here)' }).waitFor({ state: 'attached' });
    const model = await downloaded(page, 'Download ONNX', 'garden.onnx');
    const project = await downloaded(page, 'Export project', 'garden.textura.zip');
    await expectGoodModel(page, await readFile(model), model, unzipSync(await readFile(project)));
    await expectImport(project);
  }, 240_000);

  /** Every surface has the same colour in its card, in the result, in Live and in the heat map. */
  async function expectColours(page: Page): Promise<void> {
    const dyes = (selector: string) =>
      page.locator(selector).evaluateAll((rows) => rows.map((row) => row.style.getPropertyValue('--dye')));
    const [third, first, second] = await dyes('.surface');
    expect(new Set([first, second, third]).size).toBe(3);
    // In the order of the labels.
    expect(await dyes('.held-out li')).toEqual([first, second, third]);
    // The last fifth of each surface's patches; a slow machine collects more of them.
    const cards = await page.locator('.surface').all();
    const [é = 0, ten = 0, two = 0] = await Promise.all(cards.map((card) => card.locator('.thumb').count()));
    expect(await page.locator('.held-out li .figure').allTextContents()).toEqual(
      [ten, two, é].map((count) => expect.stringMatching(`^\\d+ of ${Math.floor(count / 5)} right$`)),
    );
    await page.getByText(/^Loss 0\.\d+ after step 200 of 200$/).waitFor();
    const texts = await page.locator('.chart text').allTextContents();
    expect(texts).toEqual(expect.arrayContaining(['training step', 'loss', '0', '100', '200']));
    await page.getByRole('tab', { name: 'See' }).click();
    await page.locator('#heat-stats', { hasText: 'positions' }).waitFor();
    const keys = await page
      .locator('.legend li[data-class]')
      .evaluateAll((rows) =>
        rows.map((row) => [
          row.dataset.class,
          (row.firstElementChild?.getAttribute('style') ?? '').replace(/^background: |;$/g, ''),
        ]),
      );
    const colours = new Map([
      ['10', first],
      ['2', second],
      ['é', third],
    ]);
    expect(keys.length).toBeGreaterThan(0);
    for (const [label, colour] of keys) expect([label, colour]).toEqual([label, colours.get(label ?? '')]);
    await page.getByRole('tab', { name: 'Live' }).click();
    const [top] = await readBars(page);
    expect((await dyes('.bar .bar-fill'))[0]).toBe(colours.get(top?.label ?? ''));
    await page.getByRole('tab', { name: 'Teach' }).click();
  }

  /** Another browser continues with the project. */
  async function expectImport(project: string): Promise<void> {
    const { page } = await openView(fixture(), 'teach');
    await page.locator('#project-file').setInputFiles({
      name: 'notes.zip',
      mimeType: 'application/zip',
      buffer: Buffer.from('no zip'),
    });
    await page.getByText('notes.zip is not a project').waitFor();
    await page.locator('#project-file').setInputFiles(project);
    await page.locator('#held-out', { hasText: 'held-out patches wrong' }).waitFor();
    expect(await names(page)).toEqual(['é', '10', '2']);
    expect(await page.locator('.thumb').count()).toBeGreaterThanOrEqual(59);
    await page
      .locator('#model option:checked', { hasText: 'garden (trained here)' })
      .waitFor({ state: 'attached' });
    await page.locator('.provider-check', { hasText: 'Verified' }).waitFor();
    expect(await page.getByLabel('Name of the model').inputValue()).toBe('garden');
    // A damaged model does not replace it.
    const damaged = unzipSync(await readFile(project));
    const damagedModel = damaged['garden.onnx'] ?? assert.fail();
    damaged['garden.onnx'] = damagedModel.subarray(0, damagedModel.length / 2);
    await page.locator('#project-file').setInputFiles({
      ...{ name: 'damaged.zip', mimeType: 'application/zip', buffer: Buffer.from(zipSync(damaged)) },
    });
    await page.getByText('garden cannot be used: it is damaged').waitFor();
    await page.locator('.provider-check', { hasText: 'Verified' }).waitFor();
    expect(await page.locator('#model option:checked').textContent()).toBe('garden (trained here)');
    // Patches that are damaged too are counted.
    const [patch = ''] = Object.keys(damaged).filter((file) => file.endsWith('.png'));
    damaged[patch] = (damaged[patch] ?? assert.fail()).subarray(0, 1000);
    await page.locator('#project-file').setInputFiles({
      ...{ name: 'worse.zip', mimeType: 'application/zip', buffer: Buffer.from(zipSync(damaged)) },
    });
    await page
      .getByText('worse.zip was imported without 1 of its patches, which could not be read.')
      .waitFor();
    await page.locator('.provider-check', { hasText: 'Verified' }).waitFor();
    // Importing it again adds nothing.
    const thumbs = await page.locator('.thumb').count();
    await page.locator('#held-out').evaluate((line) => line.replaceChildren());
    await page.locator('#project-file').setInputFiles(project);
    await page.locator('#held-out', { hasText: 'held-out patches wrong' }).waitFor();
    expect(await page.locator('.surface').count()).toBe(3);
    expect(await page.locator('.thumb').count()).toBe(thumbs);
    // Importing what was just removed ends the time for Undo, which would double it.
    for (const button of ['Remove é and its patches', 'Delete everything']) {
      await page.getByRole('button', { name: button }).click();
      await page.getByRole('button', { name: 'Undo' }).waitFor();
      await page.locator('#project-file').setInputFiles(project);
      await page.getByRole('button', { name: 'Undo' }).waitFor({ state: 'detached' });
      expect((await names(page)).toSorted()).toEqual(['10', '2', 'é']);
      expect(await page.locator('.thumb').count()).toBe(thumbs);
      await expect.poll(() => storedNames(page)).toEqual(['10', '2', 'é']);
    }
  }

  /**
   * Labels in code-point order; the page, onnxruntime-node and npm run classify agree on what was collected.
   */
  async function expectGoodModel(
    page: Page,
    bytes: Buffer,
    path: string,
    files: Readonly<Record<string, Uint8Array>>,
  ): Promise<void> {
    const { metadata } = describeModel(bytes, path);
    const labels: string[] = JSON.parse(metadata[metadataKeys.labels] ?? '');
    expect(labels).toEqual(['10', '2', 'é']);
    const [name, png] = Object.entries(files).find(([file]) => file.startsWith('é/')) ?? [
      '',
      new Uint8Array(),
    ];
    const { data, width } = await decodeImage(png, name);
    expect([data.length, width]).toEqual([patchBytes, 64]);
    taught = { model: bytes, patch: data };
    const { probabilities } = await runOnPatches(bytes, data);
    const image = join(fixture().folder, 'patch.png');
    await writeFile(image, png);
    const { stdout } = await runHere('serve/classify.ts', ['--model', path, '--json', image], {
      cwd: fixture().folder,
    });
    const [top] = JSON.parse(stdout).results[0].predictions;
    expect(top.label).toBe('é');
    expect(probabilities.values[2]).toBeCloseTo(top.probability, 6);

    await expectServable(path);

    // The page can check the file without a report.
    await openSettings(page);
    await page.locator('#model-file').setInputFiles(path);
    await page.locator('.settings-model', { hasText: 'garden 2 (opened file)' }).waitFor();
    await page.locator('.provider-check', { hasText: /^Verified/ }).waitFor();

    await page.locator('#model').selectOption('garden');
    await page.getByRole('tab', { name: 'Live' }).click();
    await page.locator('#picture-file').setInputFiles(image);
    // Until the file is decoded, the bars are those of the picture before it.
    const difference = async () => {
      const [bar] = await readBars(page);
      return bar?.label === 'é' ? Math.abs(bar.probability - top.probability) : 1;
    };
    await expect.poll(difference, { timeout: 10_000 }).toBeLessThan(tolerances.pageProbability);
  }

  /** After an export, the service's check accepts it. */
  async function expectServable(path: string): Promise<void> {
    const out = join(fixture().folder, 'served');
    const { status, stderr } = await runHere('export/export.ts', ['--taught', path, '--out', out], {
      cwd: fixture().folder,
    });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const [source] = await listModelFolder(out);
    if (source === undefined || 'fault' in source) throw new Error('the model is not listed');
    const report = await readReport(source);
    const check = new SandboxCheck();
    onTestFinished(() => check.close());
    await check.run(sandboxRequestOf(source, report, modelCheckOf(report, 'garden')));
  }

  test('Python’s onnxruntime loads that file with its labels and computes the same probabilities', async (context) => {
    if (taught === undefined) return context.skip('nothing was trained');
    const answer = await pythonAnswer(taught.model, taught.patch);
    if ('missing' in answer) return context.skip(answer.missing);
    expect(answer.labels).toEqual(['10', '2', 'é']);
    const { probabilities } = await runOnPatches(taught.model, taught.patch);
    const difference = largestDifference(answer.probabilities, probabilities.values);
    expect(difference).toBeLessThan(tolerances.probability);
  }, 300_000);

  async function downloaded(page: Page, button: string, as: string): Promise<string> {
    const waiting = page.waitForEvent('download');
    await page.getByRole('button', { name: button }).click();
    const path = join(fixture().folder, as);
    await (await waiting).saveAs(path);
    return path;
  }
});

test('Teach says that it loads the model to start from, and a stopped training leaves the model before', async () => {
  const { page } = await openView(fixture(), 'teach', { serviceWorkers: 'block' });
  await collect(page, 0, 'brick', 'wall', 6);
  await collect(page, 1, 'knit', 'scarf', 6);
  await page.locator('#train').click();
  const result = page.locator('#held-out', { hasText: 'held-out patches wrong' });
  await result.waitFor();
  // The same runtime made the model's test patches.
  await page.locator('.model-details', { hasText: 'to within 0.' }).waitFor({ state: 'attached' });

  // The files of the server do not arrive any more.
  await page.route('**/models/**', () => {});
  await page.locator('#train').click();
  expect(await page.locator('#train').isDisabled()).toBe(true);
  await page.getByRole('status').filter({ hasText: 'Loading the model …' }).waitFor();
  expect(await result.isVisible()).toBe(false);
  // Leaving the page would lose the training.
  page.once('dialog', (dialog) => void dialog.dismiss());
  const asked = page.waitForEvent('dialog');
  void page.reload().catch(() => {});
  expect((await asked).type()).toBe('beforeunload');
  await page.getByRole('button', { name: 'Stop', exact: true }).click();
  await result.waitFor();
  expect(await page.locator('#train').isDisabled()).toBe(false);

  // Nor does a training make a model of surfaces that are deleted meanwhile.
  await page.locator('#train').click();
  await page.getByRole('button', { name: 'Delete everything' }).click();
  await page.getByRole('button', { name: 'Stop', exact: true }).waitFor({ state: 'hidden' });
  expect(await result.isVisible()).toBe(false);
}, 60_000);

/** Keeps the memory of a worker's WebAssembly where a test finds it. */
const watchedMemory = `self.memories = [];
  const { Memory } = WebAssembly;
  WebAssembly.Memory = function (settings) {
    const memory = new Memory(settings);
    self.memories.push(memory);
    return memory;
  };
  WebAssembly.Memory.prototype = Memory.prototype;`;

test('a model that was taught or opened takes its memory once, however often it is chosen', async () => {
  const { page } = await openWith(fixture(), watchedMemory);
  const path = join(fixture().models, 'no-relu4.onnx');
  await page.locator('.provider-check', { hasText: 'Verified' }).waitFor();
  await openSettings(page);
  await page.locator('#model-file').setInputFiles(path);
  await page.locator('.settings-model', { hasText: 'no-relu4 2' }).waitFor();
  const chosen = async (times: number) => {
    for (let i = 0; i < times; i++) {
      for (const name of ['lab-baseline', 'no-relu4 2']) {
        await page.locator('#model').selectOption(name);
        await page.locator('.settings-model', { hasText: name }).waitFor();
        await page.locator('.provider-check', { hasText: /erified$/ }).waitFor();
      }
    }
    const worker = page.workers().find((one) => one.url().endsWith('/inference-worker.js'));
    const bytes = await worker?.evaluate(
      'self.memories.reduce((sum, { buffer }) => sum + buffer.byteLength, 0)',
    );
    return Number(bytes);
  };
  const early = await chosen(1);
  expect(early).toBeGreaterThan((await stat(path)).size);
  expect((await chosen(4)) - early).toBeLessThan(2 * (await stat(path)).size);
}, 180_000);
