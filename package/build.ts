/**
 * `npm run build:package`: makes dist/textura-VERSION.tgz, the npm package, from compiled code and the built
 * page.
 */
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { z } from 'zod';
import { TexturaError } from '../model/error.ts';
import { bytes } from '../model/format.ts';
import { type CommandDefinition, runIfMain } from '../node/command-line.ts';
import { runProgram } from '../node/program.ts';
import { terminalOn } from '../node/terminal.ts';
import { buildPage } from './build-page.ts';
import { compile, productRooms, repository } from './compile.ts';

const options = z.strictObject({
  skipPage: z.boolean().default(false).describe('take the page as it is in dist/web'),
});

async function buildAndPack({ skipPage }: z.infer<typeof options>): Promise<void> {
  const terminal = terminalOn(process.stdout);
  const dist = join(repository, 'dist');
  await compilePackage(join(dist, 'code'));
  if (!skipPage) await buildPage('warn');
  const packed = await succeed('npm', ['pack', '--json', '--pack-destination', dist]);
  const [{ filename, size, unpackedSize, entryCount }] = packedSchema.parse(JSON.parse(packed));
  terminal.line(`dist/${filename}: ${bytes(size)}, ${entryCount} files, ${bytes(unpackedSize)} unpacked`);
  terminal.line(`Install it with: npm install --ignore-scripts ${join(dist, filename)}`);
}

/** Compiles the code of the package into `out`, with declarations of its exports. Errors: `internal`, with the compiler's messages. */
export async function compilePackage(out: string): Promise<void> {
  await rm(out, { recursive: true, force: true });
  await compile(out, productRooms);
  const config = join(repository, 'package', 'tsconfig.declarations.json');
  // `npm run types` checks them.
  const tsc = join(repository, 'node_modules', 'typescript', 'bin', 'tsc');
  await succeed(process.execPath, [tsc, '-p', config, '--outDir', out, '--noCheck']);
  const module = pathToFileURL(join(out, 'package', 'config-schema.js')).href;
  const print = `const { configSchema } = await import('${module}'); console.log(JSON.stringify(await configSchema(), undefined, 2))`;
  const schema = await succeed(process.execPath, ['--input-type=module', '-e', print]);
  await writeFile(join(out, 'textura.config.schema.json'), schema);
}

const packedSchema = z.tuple([
  z.object({
    filename: z.string(),
    size: z.number(),
    unpackedSize: z.number(),
    entryCount: z.number(),
  }),
]);

async function succeed(program: string, args: readonly string[]): Promise<string> {
  const { status, stdout, stderr } = await runProgram(program, args, { cwd: repository });
  if (status !== 0) throw new TexturaError('internal', `${program} failed:\n${stdout}${stderr}`);
  return stdout;
}

export const command: CommandDefinition<typeof options> = {
  name: 'build:package',
  summary: 'Makes the npm package: compiles the code, builds the page and packs both.',
  options,
  run: buildAndPack,
};

await runIfMain(command, import.meta.url);
