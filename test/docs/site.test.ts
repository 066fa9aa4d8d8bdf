/** The documentation site: every link leads somewhere, and the pages work on a phone and on a desktop. */
import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findChromium } from '../../bench/web/chromium.ts';
import { apiPage } from '../../docs/api-page.ts';
import { highlighted } from '../../docs/site/highlight.ts';
import { renderPage } from '../../docs/site/markdown.ts';
import { siteFiles, writeSite } from '../../docs/site/site.ts';
import { stepCosts, tilingOf, trainingStepFigures } from '../../docs/training-step-figures.ts';
import { networkOf } from '../../model/network.ts';
import { launchChromium, openPage } from '../support/page-browser.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const repository = fileURLToPath(new URL('../../', import.meta.url));
const docs = join(repository, 'docs');

describe('the site', () => {
  test('has a page for each Markdown file, and every link and picture on it exists', async () => {
    const files = await siteFiles();
    const pages = files.filter(({ path }) => path.endsWith('.html'));
    const markdown = readdirSync(docs).filter((name) => name.endsWith('.md'));
    // The README, ARCHITECTURE, CONTRIBUTING and CHANGELOG are not in docs/.
    const hasApi = (await apiPage(repository)) !== undefined;
    expect(pages).toHaveLength(markdown.length + 4 + (hasApi ? 1 : 0));
    const contents = new Map(pages.map(({ path, content }) => [path, String(content)]));
    const paths = new Set(files.map(({ path }) => path));
    const dead: string[] = [];
    for (const [page, content] of contents) {
      for (const [, target = ''] of content.matchAll(/ (?:href|src)="([^"]*)"/g)) {
        if (/^https?:/.test(target)) continue;
        const [path = '', anchor] = target.split('#');
        const isThere = path === '' || paths.has(path);
        const hasAnchor =
          anchor === undefined || contents.get(path || page)?.includes(` id="${anchor}"`) === true;
        if (!isThere || !hasAnchor) dead.push(`${page}: ${target}`);
      }
    }
    expect(dead).toEqual([]);
  });

  test('is refused with every dead link, naming the page', async () => {
    const root = await temporaryFolder({
      'package.json': '{}',
      'README.md':
        '# Textura\n\n[gone](docs/gone.md) [there](docs/page.md#the-page) [nowhere](docs/page.md#nowhere)',
      'docs/page.md': '# The page\n\n![no picture](none.svg) [code](page.ts) [up](../README.md#textura)',
      'docs/page.ts': '',
    });
    const error = await siteFiles(root).catch((reason: unknown) => reason);
    const message = error instanceof Error ? error.message : '';
    const links = message.split('\n').filter((line) => line.includes('the link to'));
    expect(links).toEqual([
      'README.md: the link to docs/gone.md is dead: there is no page docs/gone.md',
      'README.md: the link to docs/page.md#nowhere is dead: docs/page.md has no heading #nowhere',
      'docs/page.md: the link to none.svg is dead: there is no page docs/none.svg',
      'docs/page.md: the link to page.ts leaves the site: write the path as code instead',
    ]);
    expect(message).toContain('the menu has docs/tutorial.md, which does not exist');
  });

  test('gives headings the anchors of GitHub, and code its colours', () => {
    const { headings, body } = renderPage('# A `b` & c\n\n## Two\n\n## Two\n\n`<x>` ![p](p.png)', {
      address: (target) => `to-${target}`,
      sizeOf: () => ({ width: 3, height: 2 }),
    });
    expect(headings.map(({ anchor }) => anchor)).toEqual(['a-b--c', 'two', 'two-1']);
    expect(body.markup).toContain('<code>&lt;x&gt;</code>');
    expect(body.markup).toContain('<img src="to-p.png" alt="p" width="3" height="2" loading="lazy">');
    expect(highlighted('npm run "a" # why\nnpm ci', 'sh').markup).toBe(
      '<span class="keyword">npm</span> run <span class="string">&quot;a&quot;</span> ' +
        '<span class="comment"># why</span>\n<span class="keyword">npm</span> ci',
    );
    expect(highlighted('let a = "1 < 2"', 'text').markup).toBe('let a = &quot;1 &lt; 2&quot;');
  });
});

test('no page has a temporary folder of the machine that measured it', () => {
  const pages = readdirSync(docs).filter((name) => name.endsWith('.md'));
  const found = pages.filter((name) => /\/(tmp|home|root)\//.test(readFileSync(join(docs, name), 'utf8')));
  expect(found).toEqual([]);
});

test.each(['ARCHITECTURE', 'CONTRIBUTING'])(
  'the files and names that %s mentions are in the code',
  (page) => {
    const rooms = readdirSync(repository, { withFileTypes: true })
      .filter(
        (entry) =>
          entry.isDirectory() && !/^(\.|node_modules$|dist$|runs$|studies$|models$)/.test(entry.name),
      )
      .flatMap(({ name }) =>
        readdirSync(join(repository, name), { recursive: true, encoding: 'utf8' }).map(
          (path) => `/${name}/${path}`,
        ),
      );
    const code = rooms
      .filter((path) => path.endsWith('.ts') && !path.startsWith('/test/docs/'))
      .map((path) => readFileSync(join(repository, path), 'utf8'))
      .join('\n');
    const words = readFileSync(join(repository, `${page}.md`), 'utf8').matchAll(/`([\w./-]+)`/g);
    const missing = Array.from(words, ([, word = '']) => word).filter((word) => {
      if (/\w\.ts$/.test(word)) return !rooms.some((path) => path.endsWith(`/${word}`));
      return /^[a-z]+[A-Z]\w*$/.test(word) && !new RegExp(`\\b${word}\\b`).test(code);
    });
    expect(missing).toEqual([]);
  },
);

describe('the API reference', () => {
  const entry = {
    'package.json':
      '{"exports":{".":{"types":"./dist/code/package/a.d.ts"},"./package.json":"./package.json"}}',
    'package/a.ts': [
      "/** Adds.\n *\n *     add(1, { by: 2 });\n */\nexport { type Sum, Adder, limit } from '../model/b.ts';",
      '/** Adds `by`. Errors: none. */',
      'export async function add(\n  x: number,\n  { by = 1 }: { readonly by?: number } = {},\n): Promise<number> {',
      '  return x + by;\n}\n',
    ].join('\n'),
    'model/b.ts': [
      '/** A sum. */\nexport type Sum = { readonly a: 1; readonly b: 2 };',
      '/** Not exported from the entry. */\nexport const other = 1;',
      '/** At most. */\nexport const limit = 3; // units',
      'export class Adder {\n  readonly x: number;\n  private y = 1;\n  constructor(x: number) {\n    this.x = x;\n  }\n}\n',
    ].join('\n'),
  };

  test('has the docstring and the declaration of every export, functions before types', async () => {
    const text = await apiPage(await temporaryFolder(entry));
    expect(text?.slice(text.indexOf('## textura'))).toBe(`## textura

Adds.

\`\`\`ts
add(1, { by: 2 });
\`\`\`

### add

Adds \`by\`. Errors: none.

\`\`\`ts
function add(
  x: number,
  { by = 1 }: { readonly by?: number } = {},
): Promise<number>
\`\`\`

### Adder

\`\`\`ts
class Adder {
  readonly x: number;
  constructor(x: number);
}
\`\`\`

### limit

At most.

\`\`\`ts
const limit = 3
\`\`\`

### Sum

A sum.

\`\`\`ts
type Sum = { readonly a: 1; readonly b: 2 }
\`\`\`
`);
  });

  test('names an export that is not where the entry point says', async () => {
    const folder = await temporaryFolder({ ...entry, 'model/b.ts': 'export type Sum = 1;' });
    await expect(apiPage(folder)).rejects.toThrow(/model\/b\.ts: found no declaration of Adder$/);
    expect(await apiPage(await temporaryFolder({ 'package.json': '{}' }))).toBeUndefined();
  });
});

describe('the pictures of the training step', () => {
  test('are those that npm run docs:training-step draws', () => {
    const figures = trainingStepFigures();
    expect(Object.keys(figures)).toHaveLength(3);
    for (const [name, figure] of Object.entries(figures)) {
      expect(readFileSync(join(docs, name), 'utf8') === figure, name).toBe(true);
    }
  });

  test('show the tiles and the cost of the graph', () => {
    const network = networkOf('texture-net', 25);
    // 12x12 outputs in tiles of 6x6, which read 8x8 of 14x14 inputs.
    expect(tilingOf(network, 'conv3')).toEqual({
      ...{ inputPx: 14, outputPx: 12, kernelPx: 3, channels: 48, filters: 96 },
      ...{ tilePx: 6, readPx: 8, tiles: 2 },
    });
    expect(() => tilingOf(network, 'conv2')).toThrow('conv2 is not computed in square tiles');
    const costs = new Map(stepCosts(network).map((cost) => [cost.name, cost]));
    // 30x30 positions, 25 kernel values, 24 filters; forward and dW. The step adds norm1's moments of 26 values.
    const conv1 = costs.get('conv1');
    expect(conv1?.direct).toBeCloseTo((2 * 900 * 25 * 24) / 1e6, 9);
    expect(conv1?.step).toBeCloseTo((900 * 26 * (24 + 24 + 26) + (25 * 26 * 24) / 165) / 1e6, 9);
    expect(costs.get('conv2')?.direct).toBeCloseTo((3 * 28 * 28 * 9 * 24 * 48) / 1e6, 9);
  });
});

describe.skipIf(findChromium() === undefined)('in a browser', () => {
  let browser: Browser;
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'textura-site-'));
    await writeSite(folder);
    browser = await launchChromium([]);
  });
  afterAll(async () => {
    await browser.close();
    await rm(folder, { recursive: true });
  });

  test('no page is wider than a phone, and axe finds nothing in light and dark', {
    timeout: 120_000,
  }, async () => {
    const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
    const viewport = { width: 390, height: 844 };
    const { page } = await openPage(browser, `file://${folder}/index.html`, { viewport });
    const problems: unknown[] = [];
    for (const name of readdirSync(folder).filter((file) => file.endsWith('.html'))) {
      await page.goto(`file://${folder}/${name}`, { waitUntil: 'domcontentloaded' });
      const width = await page.evaluate('document.documentElement.scrollWidth');
      if (width !== 390) problems.push({ name, width });
    }
    await page.goto(`file://${folder}/training.html`);
    await page.evaluate(axe);
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      const found = await page.evaluate(
        'axe.run().then(({ violations }) => violations.map(({ id, nodes }) => ({ id, where: nodes[0].html })))',
      );
      problems.push(...(found as readonly unknown[]));
    }
    expect(problems).toEqual([]);
  });

  test('the search finds a section by the beginnings of words, and the keyboard opens it', async () => {
    const { page, complaints } = await openPage(browser, `file://${folder}/index.html`);
    await page.keyboard.press('/');
    await page.keyboard.type('export chec');
    expect(await page.locator('#results a strong').first().textContent()).toBe(
      'Exported models: The export check',
    );
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    await page.waitForURL('**/export.html#the-export-check');
    await page.keyboard.press('/');
    await page.keyboard.type('zzz');
    await page.locator('#results', { hasText: /^Nothing found\.$/ }).waitFor();
    await page.keyboard.press('Escape');
    expect(await page.locator('#results').isVisible()).toBe(false);
    expect(complaints).toEqual([]);
  });

  test('on a phone the pages are in a menu that opens', async () => {
    const viewport = { width: 390, height: 844 };
    const { page } = await openPage(browser, `file://${folder}/tutorial.html`, { viewport });
    const link = page.locator('.menu').getByRole('link', { name: 'Evaluation', exact: true });
    expect(await link.isVisible()).toBe(false);
    await page.getByText('Pages', { exact: true }).click();
    await link.click();
    await page.waitForURL('**/evaluation.html');
    expect(await page.locator('h1').textContent()).toContain('Evaluation');
    await page.setViewportSize({ width: 1440, height: 900 });
    expect(await page.locator('.menu').getByText('Reference').last().isVisible()).toBe(true);
  });
});
