/** What Teach removes, how it is restored, and when it is deleted. */
import type { Page } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import { openView, pageFixture } from '../support/page-fixture.ts';
import { collect, names, storedNames } from '../support/teach-page.ts';
import { overconfidentValidation, sixTextures } from '../support/trained-run.ts';

const fixture = pageFixture({
  models: [
    { variant: 'lab-baseline', labels: sixTextures, validation: overconfidentValidation(6) },
    { variant: 'no-relu4', labels: sixTextures, top1err: 0.125 },
  ],
});

describe('removing in Teach', () => {
  async function twoSurfaces(page: Page): Promise<void> {
    await page.locator('.provider-check', { hasText: 'Verified' }).waitFor();
    await collect(page, 0, 'brick', 'wall', 6);
    await collect(page, 1, 'knit', 'scarf', 6);
  }
  /** Reloads the page and waits for the stored surfaces. */
  async function reload(page: Page): Promise<void> {
    await page.reload();
    await page.locator('.surface').nth(1).waitFor();
  }

  test('a removed surface is restored by Undo, by keyboard only, or by a reload, and deleted after some seconds', async () => {
    const { page } = await openView(fixture(), 'teach');
    await twoSurfaces(page);
    await page.getByRole('button', { name: 'Remove wall and its patches' }).focus();
    await page.keyboard.press('Enter');
    const undo = page.getByRole('button', { name: 'Undo' });
    await undo.waitFor();
    expect(await names(page)).toEqual(['scarf']);
    // The focus is on Undo, which has a description for screen readers.
    expect(await undo.evaluate((button) => button === button.ownerDocument.activeElement)).toBe(true);
    expect(await page.locator('#train').isDisabled()).toBe(true);
    const description = await undo.getAttribute('aria-describedby');
    expect(await page.locator(`#${description}`).textContent()).toMatch(/^Removed wall \(patches: \d+\)\.$/);
    await page.keyboard.press('Enter');
    expect(await names(page)).toEqual(['wall', 'scarf']);
    expect(await page.locator('.surface').nth(0).locator('.thumb').count()).toBeGreaterThanOrEqual(6);
    expect(await page.locator('#train').isDisabled()).toBe(false);
    expect(await storedNames(page)).toEqual(['scarf', 'wall']);

    await page.getByRole('button', { name: 'Remove wall and its patches' }).click();
    await page.getByRole('button', { name: 'Undo' }).waitFor();
    await reload(page);
    expect((await names(page)).toSorted()).toEqual(['scarf', 'wall']);

    await page.clock.install();
    await page.clock.pauseAt(Date.now() + 60_000);
    await page.getByRole('button', { name: 'Remove wall and its patches' }).click();
    await page.locator('#train').hover({ force: true });
    await page.clock.runFor(9000);
    expect(await page.locator('.removal').count()).toBe(1);
    // The time stops while the pointer is on the message.
    await page.locator('.removal').hover();
    await page.clock.runFor(20_000);
    expect(await page.locator('.removal').count()).toBe(1);
    await page.locator('#train').hover({ force: true });
    await page.clock.runFor(2000);
    await page.locator('.removal').waitFor({ state: 'detached' });
    await expect.poll(() => storedNames(page)).toEqual(['scarf']);
  }, 120_000);

  test('surfaces keep their order after a reload, whatever was removed between them', async () => {
    const { page } = await openView(fixture(), 'teach');
    const fill = async (row: number, name: string) => {
      if (row > 1) await page.getByRole('button', { name: 'Add a surface' }).click();
      await page.locator('.surface input').nth(row).fill(name);
    };
    for (let row = 0; row < 6; row++) await fill(row, `${row}`);
    const deleteNow = page.getByRole('button', { name: 'Delete now' });
    for (const name of ['0', '1', '2']) {
      await page.getByRole('button', { name: `Remove ${name} and its patches` }).click();
      await deleteNow.click();
    }
    for (let row = 3; row < 6; row++) await fill(row, `${row + 3}`);
    const expected = ['3', '4', '5', '6', '7', '8'];
    expect(await names(page)).toEqual(expected);
    await expect.poll(() => storedNames(page)).toEqual(expected.toSorted());
    await reload(page);
    expect(await names(page)).toEqual(expected);
    // Those that are added later come last, too.
    await fill(6, '9');
    await expect.poll(() => storedNames(page)).toContain('9');
    await reload(page);
    expect(await names(page)).toEqual([...expected, '9']);
  }, 120_000);

  test('two tabs show the same surfaces, so that neither undoes what the other one collects or deletes', async () => {
    const { page, context } = await openView(fixture(), 'teach');
    const other = await context.newPage();
    await other.goto(page.url());
    await other.locator('.surface').nth(1).waitFor();
    await collect(page, 0, 'brick', 'wall', 6);
    const collected = await page.locator('.thumb').count();
    await other
      .locator('.thumb')
      .nth(collected - 1)
      .waitFor();
    await other.locator('.surface input').nth(0).fill('bricks');
    await expect.poll(() => names(page)).toEqual(['bricks', '']);
    expect(await page.locator('.thumb').count()).toBe(collected);
    await reload(page);
    await page
      .locator('.thumb')
      .nth(collected - 1)
      .waitFor();
    await other.getByRole('button', { name: 'Remove bricks and its patches' }).click();
    await other.getByRole('button', { name: 'Delete now' }).click();
    await expect.poll(() => names(page)).toEqual(['', '']);
    // A full disk ends the transaction after its requests have succeeded.
    await other.evaluate(`{
      const { put } = IDBObjectStore.prototype;
      IDBObjectStore.prototype.put = function (value) {
        const request = put.call(this, value);
        request.onsuccess = () => this.transaction.abort();
        return request;
      };
    }`);
    await other.locator('.surface input').nth(0).fill('lost');
    await other.getByText('This browser does not save data for this page').waitFor();
  }, 120_000);

  test('Delete everything is undone with the taught model, or done at once; surfaces added in the meantime stay', async () => {
    const { page } = await openView(fixture(), 'teach');
    await twoSurfaces(page);
    await page.locator('#train').click();
    await page.locator('#model option:checked', { hasText: 'my-surfaces' }).waitFor({ state: 'attached' });
    await page.getByRole('button', { name: 'Delete everything' }).click();
    await page
      .getByText(/^Removed everything .surfaces: 2, patches: \d+.* after 10 seconds; reloading the page/)
      .waitFor();
    expect(await names(page)).toEqual(['', '']);
    // Pressed again, it does not delete what can be restored.
    await page.getByRole('button', { name: 'Delete everything' }).click();
    // The buttons of a surface say which it is, also without a name.
    await page.getByRole('button', { name: 'Hold to collect: surface 2' }).waitFor();
    // Nothing is collected from the picture that is about to be replaced.
    await page.evaluate(`{
      document.querySelector('.swatch').click();
      const hold = document.querySelector('.hold');
      for (const type of ['keydown', 'keyup']) hold.dispatchEvent(new KeyboardEvent(type, { key: ' ' }));
    }`);
    expect(await page.locator('.thumb').count()).toBe(0);
    expect(await page.locator('#model option').allTextContents()).toEqual(['lab-baseline', 'no-relu4']);
    await page.locator('.surface input').nth(1).fill('new');
    await page.getByRole('button', { name: 'Undo' }).click();
    expect(await names(page)).toEqual(['wall', 'scarf', 'new']);
    await page.locator('#held-out', { hasText: 'held-out patches wrong' }).waitFor();
    await page.locator('#model option:checked', { hasText: 'my-surfaces' }).waitFor({ state: 'attached' });
    await page.locator('.provider-check', { hasText: 'Verified' }).waitFor();

    await page.getByRole('button', { name: 'Español' }).click();
    await page.getByRole('button', { name: 'Borrar todo' }).click();
    await page.locator('.surface input').nth(0).fill('nueva');
    await page.getByText('si recarga la página antes, se recupera').waitFor();
    await page.getByRole('button', { name: 'Borrar ya' }).click();
    await expect.poll(() => storedNames(page)).toEqual(['nueva']);
    await reload(page);
    expect((await names(page)).toSorted()).toEqual(['', 'nueva']);
    expect(await page.getByRole('button', { name: 'Deshacer' }).count()).toBe(0);
  }, 120_000);
});
