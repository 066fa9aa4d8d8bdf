/**
 * The documentation site from the Markdown files of the repository: one HTML page for each, the pictures that
 * they show, and the index of the search. A link to a page, anchor or file that does not exist is an error.
 */
import { existsSync, readdirSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { transform } from 'esbuild';
import sharp from 'sharp';
import { TexturaError } from '../../model/error.ts';
import { apiPage } from '../api-page.ts';
import { documentLayout } from './layout.ts';
import { type PictureSize, type RenderedPage, renderPage } from './markdown.ts';

const repository = fileURLToPath(new URL('../../', import.meta.url));

interface Entry {
  /** Path from the root of the repository. */
  readonly file: string;
  /** Name in the menu, where it is not the title of the page. */
  readonly label?: string;
}

interface Group {
  readonly name: string;
  readonly entries: readonly Entry[];
}

/** Made from the docstrings when the site is built. */
const apiFile = 'docs/api.md';

/** The menu, in the order in which the pages follow one another. Pages that it lacks are added to the guides. */
const menu: readonly Group[] = [
  {
    name: 'Start',
    entries: [
      { file: 'README.md', label: 'Textura' },
      { file: 'docs/tutorial.md', label: 'Tutorial' },
      { file: 'docs/gallery.md', label: 'Five jobs' },
    ],
  },
  {
    name: 'Guides',
    entries: [
      { file: 'docs/data.md', label: 'Data' },
      { file: 'docs/training.md' },
      { file: 'docs/fine-tuning.md' },
      { file: 'docs/evaluation.md', label: 'Evaluation' },
      { file: 'docs/export.md', label: 'Exporting' },
      { file: 'docs/classify.md', label: 'Folders and large pictures' },
      { file: 'docs/service.md' },
      { file: 'docs/page.md' },
      { file: 'docs/package.md' },
      { file: 'docs/ablation.md', label: 'Which layers matter' },
      { file: 'docs/gpu.md', label: 'GPU' },
    ],
  },
  {
    name: 'How it works',
    entries: [
      { file: 'docs/training-step.md', label: 'The training step' },
      { file: 'docs/engines.md' },
      { file: 'ARCHITECTURE.md' },
    ],
  },
  {
    name: 'Measurements',
    entries: [
      { file: 'docs/accuracy.md' },
      { file: 'docs/trials.md' },
      { file: 'docs/study.md', label: 'Study of ten networks' },
      { file: 'docs/study-method.md', label: 'How often a study is right' },
      { file: 'docs/study-paper.md', label: 'Study with the paper’s recipe' },
      { file: 'docs/study-texture-net.md', label: 'Study of texture-net' },
      { file: 'docs/bench-train.md' },
      { file: 'docs/bench-infer.md' },
      { file: 'docs/bench-serve.md' },
      { file: 'docs/bench-memory.md', label: 'Memory' },
      { file: 'docs/bench-web.md' },
    ],
  },
  {
    name: 'Reference',
    entries: [
      { file: 'docs/reference.md' },
      { file: apiFile },
      { file: 'CONTRIBUTING.md' },
      { file: 'CHANGELOG.md' },
    ],
  },
];

/** What the menu may name before it exists. */
const generated: ReadonlySet<string> = new Set([apiFile]);

interface Page extends RenderedPage {
  readonly file: string;
  readonly address: string;
}

/** A file of the site: its path, and its content or the file that it is a copy of. */
export interface SiteFile {
  readonly path: string;
  readonly content: string | { readonly copyOf: string };
}

/**
 * The files of the site. `root` is the folder with README.md and docs/. Errors: `data-unusable` for dead links
 * and missing pages, all in one message.
 */
export async function siteFiles(root = repository): Promise<readonly SiteFile[]> {
  const api = await apiPage(root);
  const groups = presentGroups(root, api !== undefined);
  const pages = await Promise.all(
    groups
      .flatMap(({ entries }) => entries)
      .map(async ({ file }) => {
        const isApi = file === apiFile && api !== undefined;
        return renderedPage(root, file, isApi ? api : await readFile(join(root, file), 'utf8'));
      }),
  );
  const problems = [...missingPages(root), ...pages.flatMap((page) => deadLinks(root, page, pages))];
  if (problems.length > 0) throw new TexturaError('data-unusable', problems.join('\n'));
  const labelled = groups.map(({ name, entries }) => ({
    name,
    links: entries.map(({ file, label }) => {
      const title = pages.find((page) => page.file === file)?.title ?? file;
      return { address: addressOf(file), label: label ?? title };
    }),
  }));
  const site = fileURLToPath(new URL('./', import.meta.url));
  const search = await readFile(join(site, 'client/search.ts'), 'utf8');
  return [
    ...pages.map((page) => ({
      path: page.address,
      content: documentLayout({ ...page, menu: labelled }).markup,
    })),
    ...assetsOf(pages).map((path) => ({ path: siteName(path), content: { copyOf: join(root, path) } })),
    { path: 'search-index.js', content: searchIndex(pages) },
    {
      path: 'search.js',
      content: (await transform(search, { loader: 'ts', format: 'iife', minify: true })).code,
    },
    { path: 'style.css', content: { copyOf: join(site, 'style.css') } },
    { path: 'tokens.css', content: { copyOf: join(repository, 'web-demo/page/style/tokens.css') } },
    { path: 'icon.svg', content: { copyOf: join(repository, 'web-demo/public/icon.svg') } },
  ];
}

/** Writes the site to a folder, which it empties first. */
export async function writeSite(folder: string): Promise<number> {
  const files = await siteFiles();
  await rm(folder, { recursive: true, force: true });
  for (const { path, content } of files) {
    const target = join(folder, path);
    await mkdir(dirname(target), { recursive: true });
    await writeFile(target, typeof content === 'string' ? content : await readFile(content.copyOf));
  }
  return files.filter(({ path }) => path.endsWith('.html')).length;
}

async function renderedPage(root: string, file: string, markdown: string): Promise<Page> {
  const sizes = new Map<string, PictureSize>();
  for (const [, target = ''] of markdown.matchAll(/!\[[^\]]*\]\(([^)\s]+)\)/g)) {
    const path = join(root, resolved(file, target).path);
    if (!existsSync(path)) continue;
    const { width, height } = await sharp(path).metadata();
    sizes.set(target, { width, height });
  }
  const rendered = renderPage(markdown, {
    address: (target) => siteAddress(file, target),
    sizeOf: (target) => sizes.get(target),
  });
  return { ...rendered, file, address: addressOf(file) };
}

function presentGroups(root: string, hasApi: boolean): readonly Group[] {
  const named = new Set(menu.flatMap(({ entries }) => entries).map(({ file }) => file));
  const others = readdirSync(join(root, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`)
    .filter((file) => !named.has(file))
    .map((file) => ({ file }));
  const isThere = ({ file }: Entry) => (file === apiFile && hasApi) || existsSync(join(root, file));
  return menu
    .map(({ name, entries }) => ({
      name,
      entries: [...entries, ...(name === 'Guides' ? others : [])].filter(isThere),
    }))
    .filter(({ entries }) => entries.length > 0);
}

function missingPages(root: string): readonly string[] {
  return menu
    .flatMap(({ entries }) => entries)
    .filter(({ file }) => !generated.has(file) && !existsSync(join(root, file)))
    .map(({ file }) => `docs/site/site.ts: the menu has ${file}, which does not exist`);
}

const isElsewhere = (target: string) => /^[a-z][a-z0-9+.-]*:/i.test(target);

/** Path from the root of the repository, and anchor, of a target in a file. */
function resolved(file: string, target: string): { readonly path: string; readonly anchor: string } {
  const [path = '', anchor = ''] = target.split('#', 2);
  return { path: path === '' ? file : posix.join(posix.dirname(file), decodeURI(path)), anchor };
}

const addressOf = (file: string): string => {
  if (file === 'README.md') return 'index.html';
  return `${posix.basename(file, '.md').toLowerCase()}.html`;
};

/** Where the site has a file that is no page. */
const siteName = (path: string): string => path.replace(/^docs\//, '');

function siteAddress(file: string, target: string): string {
  if (isElsewhere(target)) return target;
  const { path, anchor } = resolved(file, target);
  const address = path.endsWith('.md') ? addressOf(path) : siteName(path);
  return anchor === '' ? address : `${address}#${anchor}`;
}

function deadLinks(root: string, { file, targets }: Page, pages: readonly Page[]): readonly string[] {
  return targets
    .filter((target) => !isElsewhere(target))
    .flatMap((target) => {
      const { path, anchor } = resolved(file, target);
      const page = pages.find((candidate) => candidate.file === path);
      if (page === undefined) {
        if (path.endsWith('.md') || path.startsWith('../') || !existsSync(join(root, path))) {
          return [`${file}: the link to ${target} is dead: there is no page ${path}`];
        }
        return /\.(?:svg|png|webp)$|^LICENSE$/.test(path)
          ? []
          : [`${file}: the link to ${target} leaves the site: write the path as code instead`];
      }
      const hasAnchor = anchor === '' || page.headings.some((heading) => heading.anchor === anchor);
      return hasAnchor ? [] : [`${file}: the link to ${target} is dead: ${path} has no heading #${anchor}`];
    });
}

/** Pictures and other files that pages link to. */
function assetsOf(pages: readonly Page[]): readonly string[] {
  const paths = pages.flatMap(({ file, targets }) =>
    targets.filter((target) => !isElsewhere(target)).map((target) => resolved(file, target).path),
  );
  return [...new Set(paths)].filter((path) => !path.endsWith('.md'));
}

/** The index of the search, as a script, so that the site also works from files. */
function searchIndex(pages: readonly Page[]): string {
  const sections = pages.flatMap(({ address, title, sections: all }) =>
    all.map(({ heading, anchor, text }) => ({
      page: title,
      heading,
      address: `${address}#${anchor}`,
      text,
    })),
  );
  return `window.texturaSections = ${JSON.stringify(sections).replaceAll('<', '\\u003c')};\n`;
}
