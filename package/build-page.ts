/** `npm run build`: builds the page into dist/web. */
import { join } from 'node:path';
import type { LogLevel } from 'vite';
import { z } from 'zod';
import { type CommandDefinition, runIfMain } from '../node/command-line.ts';
import { repository } from './compile.ts';

const options = z.strictObject({
  quiet: z.boolean().default(false).describe('print warnings and errors only'),
});

export const pageConfig = join(repository, 'web-demo', 'vite.config.ts');

export async function buildPage(logLevel: LogLevel): Promise<void> {
  // Loaded late: it takes longer than all else that an error or --help needs.
  const { build } = await import('vite');
  await build({ configFile: pageConfig, logLevel });
}

export const command: CommandDefinition<typeof options> = {
  name: 'build',
  summary: 'Builds the page, which npm run serve then shows at /.',
  options,
  run: ({ quiet }) => buildPage(quiet ? 'warn' : 'info'),
};

await runIfMain(command, import.meta.url);
