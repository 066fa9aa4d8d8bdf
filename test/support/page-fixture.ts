/** What the tests of a file about the page share: models, a server for the page and for them, and a browser. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { APIResponse, Browser, Route } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, expect, onTestFinished } from 'vitest';
import { writeFilm } from '../../bench/web/camera-film.ts';
import { chromiumMissing, findChromium } from '../../bench/web/chromium.ts';
import { type Decorate, type PageServer, startPageServer } from '../../bench/web/page-server.ts';
import { safeHeaders } from '../../serve/http/access.ts';
import { drawTexture } from '../../textures/textures.ts';
import { runHere } from './command.ts';
import { launchChromium, type OpenPage, openPage } from './page-browser.ts';
import { exportModels } from './running-service.ts';
import { builtPage } from './shared-page.ts';
import { sixTextures, type TrainedRunOptions } from './trained-run.ts';

export interface PageFixture {
  /** A folder for the test's own files. */
  readonly folder: string;
  readonly models: string;
  /** The built page's folder, which other test files use too. */
  readonly page: string;
  readonly server: PageServer;
  readonly browser: Browser;
}

/**
 * The service's headers for isolation and content security policy. The middleware is for Express, but does
 * not depend on it.
 */
export function ourHeaders(): Decorate {
  return safeHeaders() as unknown as Decorate;
}

/** Before the tests of a file the models are exported and Chromium is started; without it they are skipped. */
export function pageFixture({
  models: requested = [{ variant: 'lab-baseline', labels: sixTextures }],
  args = () => Promise.resolve([]),
}: {
  readonly models?: readonly TrainedRunOptions[];
  readonly args?: (folder: string) => Promise<readonly string[]>;
}): () => PageFixture {
  let fixture: PageFixture | undefined;

  beforeAll(async () => {
    if (findChromium() === undefined) return;
    const folder = await mkdtemp(join(tmpdir(), 'textura-page-test-'));
    const models = join(folder, 'models');
    await exportModels(models, requested);
    const page = await builtPage();
    const server = await startPageServer({ page, models }, ourHeaders());
    const browser = await launchChromium(await args(folder));
    fixture = { folder, models, page, server, browser };
  }, 180_000);

  afterAll(async () => {
    await fixture?.browser.close();
    await fixture?.server.close();
    if (fixture !== undefined) await rm(fixture.folder, { recursive: true, force: true });
  });

  beforeEach((context) => {
    context.skip(findChromium() === undefined, chromiumMissing);
  });

  return () => {
    if (fixture === undefined) throw new Error('the page was not set up');
    return fixture;
  };
}

/** Opens a view of the page and waits until its model is verified. */
export async function openView(
  { browser, server }: PageFixture,
  view: string,
  options = {},
): Promise<OpenPage> {
  const opened = await openPage(browser, `${server.origin}/#${view}`, options);
  await opened.page.locator('.provider-check', { hasText: 'Verified' }).waitFor();
  return opened;
}

/** The server's response, also if it closes an idle connection just when a request reuses it. */
export function fetched(route: Route): Promise<APIResponse> {
  return route.fetch({ maxRetries: 3 });
}

/** Opens the page with a script in front of its inference worker's code. */
export async function openWith(
  { browser, server }: PageFixture,
  script: string,
  permissions: string[] = [],
): Promise<OpenPage> {
  // A service worker would serve the original file.
  const opened = await openPage(browser, 'about:blank', { serviceWorkers: 'block', permissions });
  await opened.page.route('**/workers/inference-worker.js', async (route) => {
    const response = await fetched(route);
    await route.fulfill({ response, body: `${script}\n${await response.text()}` });
  });
  onTestFinished(() => opened.page.unrouteAll({ behavior: 'ignoreErrors' }));
  await opened.page.goto(server.origin);
  return opened;
}

/** Arguments for a browser whose camera shows a brick texture. */
export async function brickCamera(folder: string): Promise<readonly string[]> {
  const film = join(folder, 'film.y4m');
  await writeFilm(film, [drawTexture('brick', 5, 1, 640, 480)]);
  return ['--use-fake-device-for-media-stream', `--use-file-for-fake-video-capture=${film}`];
}

/** A picture file, and the predictions of `npm run classify` for it with the page's model. */
export async function classified(
  { folder, models }: PageFixture,
  name: string,
  bytes: Buffer,
): Promise<{ path: string; predictions: Prediction[] }> {
  const path = join(folder, name);
  await writeFile(path, bytes);
  const model = join(models, 'lab-baseline.onnx');
  const { stdout, stderr } = await runHere('serve/classify.ts', ['--model', model, '--json', path], {
    cwd: folder,
  });
  expect(stderr).toBe('');
  return { path, predictions: JSON.parse(stdout).results[0].predictions };
}

interface Prediction {
  readonly label: string;
  readonly probability: number;
}
