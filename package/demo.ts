/** `npm run demo`: builds the page and shows it without the service. */
import { z } from 'zod';
import { type CommandDefinition, runIfMain } from '../node/command-line.ts';
import { terminalOn } from '../node/terminal.ts';
import { buildPage, pageConfig } from './build-page.ts';

const options = z.strictObject({
  port: z
    .int()
    .min(0)
    .max(65_535)
    .default(4173)
    .describe('port to listen on; the next free one if it is in use'),
});

export const command: CommandDefinition<typeof options> = {
  name: 'demo',
  summary: 'Builds the page and shows it without the service.',
  options,
  run: async ({ port }) => {
    await buildPage('info');
    const { preview } = await import('vite');
    const server = await preview({ configFile: pageConfig, preview: { port } });
    terminalOn(process.stdout).line(`The page: ${server.resolvedUrls?.local[0]} (Ctrl-C stops it)`);
  },
};

await runIfMain(command, import.meta.url);
