/**
 * Compiles the repository's TypeScript modules to JavaScript, a file for each, for the npm package and for the
 * processes of tests. The files next to them that they read come along.
 */
import { cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, type Plugin } from 'esbuild';

export const repository = fileURLToPath(new URL('..', import.meta.url));

/** The rooms of the package. */
export const productRooms = [
  'model',
  'graph',
  'textures',
  'node',
  'training',
  'report',
  'study',
  'setup',
  'export',
  'serve',
  'package',
] as const;

/** What runs only in the repository: it needs packages for development. */
const developmentModules = new Set(
  ['compile', 'build', 'build-page', 'demo'].map((name) => `package/${name}.ts`),
);

/** Imports stay imports; those of our modules get the name of the compiled file. */
const keepImports: Plugin = {
  name: 'keep-imports',
  setup({ onResolve }) {
    onResolve({ filter: /.*/ }, ({ kind, path }) =>
      kind === 'entry-point'
        ? undefined
        : { path: path.startsWith('.') ? path.replace(/\.ts$/, '.js') : path, external: true },
    );
  },
};

/**
 * Compiles the modules of `rooms` and `quickstart.ts` into `out`, in the same folders. Writes only files that
 * change and deletes those that are left from earlier, so that processes may use `out` meanwhile.
 */
export async function compile(out: string, rooms: readonly string[]): Promise<void> {
  const listed = await Promise.all(rooms.map(filesOf));
  const files = ['quickstart.ts', ...listed.flat()];
  const modules = files.filter(isModule);
  const { outputFiles } = await build({
    absWorkingDir: repository,
    entryPoints: modules,
    outdir: out,
    outbase: repository,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20.19',
    sourcemap: 'linked',
    sourcesContent: false,
    charset: 'utf8',
    logLevel: 'warning',
    plugins: [keepImports],
    write: false,
  });
  const written = await Promise.all(
    outputFiles.map(async ({ path, contents }) => {
      await writeIfChanged(path, contents);
      return path;
    }),
  );
  const copied = await Promise.all(
    files.filter(isReadByModules).map(async (file) => {
      const target = join(out, file);
      await mkdir(dirname(target), { recursive: true });
      await cp(join(repository, file), target);
      return target;
    }),
  );
  await deleteOthers(out, new Set([...written, ...copied]));
}

async function filesOf(room: string): Promise<string[]> {
  const entries = await readdir(join(repository, room), { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(repository.length));
}

function isModule(file: string): boolean {
  return file.endsWith('.ts') && !/\.(d|test|config)\.ts$/.test(file) && !developmentModules.has(file);
}

/** Lists of wheels and build files for the installers of setup/, and the pre-trained network. */
function isReadByModules(file: string): boolean {
  return /^setup\/.*\.(txt|gyp|c)$|^model\/pretrained\/.*\.(json|safetensors)$/.test(file);
}

async function writeIfChanged(path: string, contents: Uint8Array): Promise<void> {
  const present = await readFile(path).catch(() => undefined);
  if (present?.equals(contents)) return;
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, contents);
}

async function deleteOthers(folder: string, kept: ReadonlySet<string>): Promise<void> {
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile() && !kept.has(path)) await rm(path);
  }
}
