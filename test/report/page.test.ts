import { expect, onTestFinished, test } from 'vitest';
import { html } from '../../report/markup.ts';
import { type Column, classTable, pageShell, propertyTable, section, table } from '../../report/page.ts';
import { launchChromium } from '../support/page-browser.ts';

test('a table of classes folds away those after the thirtieth', () => {
  const columns: readonly Column[] = [{ heading: 'class', kind: 'name' }];
  const tableOf = (classes: number) =>
    classTable(
      'Errors',
      columns,
      Array.from({ length: classes }, (_, c) => ({ cells: [`c${c}`] })),
    ).markup;
  expect(tableOf(30)).not.toContain('<summary>');
  expect(tableOf(31)).toContain('<summary>1 more class</summary>');
  expect(tableOf(1032)).toContain('<summary>1,002 more classes</summary>');
});

test('a table of properties shows its values on a phone without scrolling', { timeout: 60_000 }, async () => {
  const properties = propertyTable('Model', [
    ['recognised as none of the classes', 1],
    ['SHA-256', html`<code>${'0123456789abcdef'.repeat(4)}</code>`],
  ]);
  const markup = pageShell({
    heading: html`report`,
    title: 'report',
    description: 'report',
    startedAt: '2026-01-01T00:00:00.000Z',
    result: html``,
    sections: [section('Model', '', properties)],
  });
  const browser = await launchChromium([]);
  onTestFinished(() => browser.close());
  const page = await browser.newPage({ viewport: { width: 390, height: 800 } });
  await page.setContent(markup);
  const box = await page
    .locator('.scroll')
    .evaluate(({ scrollWidth, clientWidth }) => ({ scrollWidth, clientWidth }));
  expect(box.scrollWidth).toBe(box.clientWidth);
});

test('a table in the result is as wide as a phone, and scrolls in itself', { timeout: 60_000 }, async () => {
  const columns: readonly Column[] = [{ heading: 'error of', kind: 'text' }];
  const errors = table('Errors', columns, [{ cells: ['single patches, balanced '.repeat(4)] }]);
  const markup = pageShell({
    heading: html`report`,
    title: 'report',
    description: 'report',
    startedAt: '2026-01-01T00:00:00.000Z',
    result: html`<div class="entry result"><div>${errors}</div></div>`,
    sections: [],
  });
  const browser = await launchChromium([]);
  onTestFinished(() => browser.close());
  const page = await browser.newPage({ viewport: { width: 400, height: 800 } });
  await page.setContent(markup);
  const widthOf = (selector: string) =>
    page.locator(selector).evaluate(({ scrollWidth, clientWidth }) => scrollWidth - clientWidth);
  expect(await widthOf('html')).toBe(0);
  expect(await widthOf('.scroll')).toBeGreaterThan(0);
});
