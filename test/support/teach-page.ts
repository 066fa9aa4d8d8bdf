/** Actions of a person in the Teach view. */
import type { Page } from 'playwright-core';

/**
 * Collects patches of a sample texture by holding the space bar. `swatch` is the page's word for a sample in
 * its language.
 */
export async function collect(
  page: Page,
  row: number,
  texture: string,
  name: string,
  count: number,
  swatch = 'Sample texture',
): Promise<void> {
  await page.getByRole('button', { name: `${swatch} ${texture}` }).click();
  await page.locator('.swatch[aria-pressed="true"]', { hasText: texture }).waitFor();
  const surface = page.locator('.surface').nth(row);
  await surface.locator('input').fill(name);
  await surface.locator('.hold').focus();
  await page.keyboard.down(' ');
  await surface
    .locator('.thumb')
    .nth(count - 1)
    .waitFor();
  await page.keyboard.up(' ');
}

/** The names of the surfaces that Teach shows, in order. */
export const names = (page: Page) =>
  page.locator('.surface input').evaluateAll((inputs) => inputs.map((input) => input.value));
/** The names of the surfaces that the browser stores, sorted. */
export const storedNames = (page: Page) =>
  page.evaluate(`new Promise((resolve) => {
    indexedDB.open('textura').onsuccess = ({ target: { result: database } }) => {
      database.transaction('surfaces').objectStore('surfaces').getAll().onsuccess = ({ target }) => {
        database.close();
        resolve(target.result.map(({ name }) => name).sort());
      };
    };
  })`);
