/** Chromium with the page in it. */
import { readFile } from 'node:fs/promises';
import {
  type Browser,
  type BrowserContext,
  type BrowserContextOptions,
  chromium,
  type Page,
} from 'playwright-core';
import { afterAll, beforeAll, onTestFinished } from 'vitest';
import { findChromium } from '../../bench/web/chromium.ts';

export function launchChromium(args: readonly string[]): Promise<Browser> {
  const executablePath = findChromium();
  if (executablePath === undefined) throw new Error('no Chromium on the PATH');
  return chromium.launch({ executablePath, args: ['--no-sandbox', ...args] });
}

export interface OpenPage {
  readonly page: Page;
  readonly context: BrowserContext;
  /** What the page wrote to the console and what it threw. */
  readonly complaints: string[];
}

type PageOptions = BrowserContextOptions & { readonly permissions?: string[] };

/** Opens the page in a context of its own, which ends with the test. */
export async function openPage(
  browser: Browser,
  address: string,
  options: PageOptions = {},
): Promise<OpenPage> {
  const opened = await openInContext(browser, address, options);
  onTestFinished(() => opened.context.close());
  return opened;
}

/**
 * One page for all tests of a group, each of which finds it as the one before left it. Opening a page takes a
 * second of computing.
 */
export function sharedPage(
  where: () => { readonly browser: Browser; readonly address: string },
  options: PageOptions = {},
): () => OpenPage {
  let opened: OpenPage | undefined;
  beforeAll(async () => {
    if (findChromium() === undefined) return;
    const { browser, address } = where();
    opened = await openInContext(browser, address, options);
  });
  afterAll(() => opened?.context.close());
  return () => {
    if (opened === undefined) throw new Error('the page was not opened');
    return opened;
  };
}

async function openInContext(browser: Browser, address: string, options: PageOptions): Promise<OpenPage> {
  const context = await browser.newContext({
    viewport: { width: 1200, height: 900 },
    locale: 'en',
    ...options,
  });
  const page = await context.newPage();
  page.setDefaultTimeout(60_000);
  const complaints: string[] = [];
  page.on('console', (message) => {
    complaints.push(`${message.type()}: ${message.text()}`);
  });
  page.on('pageerror', ({ message }) => {
    complaints.push(message);
  });
  await page.goto(address);
  return { page, context, complaints };
}

/** Opens the choice of model and provider. */
export async function openSettings(page: Page): Promise<void> {
  const settings = page.locator('.settings:not([open]) > summary');
  if ((await settings.count()) > 0) await settings.click();
}

/** Waits until the page has read something, and gives the classes with all digits of their probabilities. */
export async function readBars(page: Page): Promise<readonly { label: string; probability: number }[]> {
  await page.locator('.bars .bar[data-probability]').first().waitFor();
  const rows = await page.locator('.bars .bar:not([hidden])').all();
  return Promise.all(
    rows.map(async (row) => ({
      label: (await row.locator('.bar-label').textContent()) ?? '',
      probability: Number(await row.getAttribute('data-probability')),
    })),
  );
}

/** Drops or pastes a file onto the page, as the browser does. */
export async function give(
  page: Page,
  how: 'drop' | 'paste',
  path: string,
  name: string,
  type: string,
): Promise<void> {
  const base64 = (await readFile(path)).toString('base64');
  // Runs in the page.
  const script = `(([how, base64, name, type]) => {
    const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
    const transfer = new DataTransfer();
    transfer.items.add(new File([bytes], name, { type }));
    const event = how === 'drop'
      ? new DragEvent('drop', { dataTransfer: transfer, bubbles: true, cancelable: true })
      : new ClipboardEvent('paste', { clipboardData: transfer, bubbles: true });
    document.body.dispatchEvent(event);
  })(${JSON.stringify([how, base64, name, type])})`;
  await page.evaluate(script);
}

/** The text of the file that a button saves. */
export async function downloadedText(page: Page, button: string): Promise<string> {
  const waiting = page.waitForEvent('download');
  await page.getByRole('button', { name: button }).click();
  return readFile(await (await waiting).path(), 'utf8');
}
