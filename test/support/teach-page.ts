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
