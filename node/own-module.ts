/**
 * Where the product's own files are and how Node starts its modules, in the repository (TypeScript) and in the
 * npm package (JavaScript that `package/compile.ts` made of it).
 */
import { existsSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

/** The root of the modules, with `model/`, `node/` and the other rooms. */
const codeFolder = fileURLToPath(new URL('..', import.meta.url));
const isCompiled = import.meta.url.endsWith('.js');

/** Where `npm run build:package` writes the modules of the package. */
const packagedCode = join('dist', 'code');

/** A file of the product that is not code, such as `package.json`. */
export function productFile(path: string): string {
  return join(productFolder(), path);
}

/** The folder of package.json. */
function productFolder(): string {
  let folder = codeFolder;
  while (!existsSync(join(folder, 'package.json')) && dirname(folder) !== folder) folder = dirname(folder);
  return folder;
}

/** Whether this is the code of the npm package; otherwise it is the repository. */
export function isPackaged(): boolean {
  return isCompiled && relative(productFolder(), codeFolder) === packagedCode;
}

/**
 * The compiled copy of the repository that tests make once, because loading TypeScript costs each process and
 * thread a third of a second.
 */
export const compiledCopy = join('.cache', 'compiled');

interface StartableModule {
  readonly url: URL;
  /** Options of Node that the module needs, for `fork`. */
  readonly execArgv: readonly string[];
}

/** `new URL('./x.ts', import.meta.url)` of one of our modules, as Node can start it. */
export function startable(module: URL): StartableModule {
  const url = compiledForm(module) ?? module;
  const isTypeScript = /\.m?ts$/.test(url.pathname);
  return { url, execArgv: isTypeScript && !nodeRunsTypeScript ? ['--import', typeScriptLoader.href] : [] };
}

/** Node's arguments that start one of our modules as a process. */
export function nodeArguments(module: URL): readonly string[] {
  const { url, execArgv } = startable(module);
  return [...execArgv, fileURLToPath(url)];
}

const typeScriptLoader = new URL('./typescript.mjs', import.meta.url);

/** Node 22.18 and newer erase types themselves. */
const nodeRunsTypeScript = 'typescript' in process.features && Boolean(process.features.typescript);

function compiledForm(module: URL): URL | undefined {
  if (module.protocol !== 'file:') return undefined;
  const path = relative(codeFolder, fileURLToPath(module));
  if (!path.endsWith('.ts') || path.split(sep)[0] === '..') return undefined;
  const compiled = path.replace(/\.ts$/, '.js');
  if (isCompiled) return pathToFileURL(join(codeFolder, compiled));
  if (process.env.TEXTURA_COMPILED === undefined) return undefined;
  const copy = join(codeFolder, compiledCopy, compiled);
  return existsSync(copy) ? pathToFileURL(copy) : undefined;
}
