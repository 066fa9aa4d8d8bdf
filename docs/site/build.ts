/** npm run docs:build: the documentation site in dist/docs. Dead links are an error. */
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { runCommand } from '../../node/command-line.ts';
import { writeSite } from './site.ts';

await runCommand(
  {
    name: 'docs:build',
    summary: 'Builds the documentation site in dist/docs. Dead links are an error.',
    options: z.strictObject({}),
    run: async () => {
      const pages = await writeSite(fileURLToPath(new URL('../../dist/docs', import.meta.url)));
      process.stdout.write(`${pages} pages in dist/docs: open dist/docs/index.html\n`);
    },
  },
  process.argv.slice(2),
);
