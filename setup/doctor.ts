/** npm run doctor. */
import { z } from 'zod';
import { runCommand } from '../node/command-line.ts';
import { terminalOn } from '../node/terminal.ts';
import { gatherFacts } from './doctor/facts.ts';
import { doctorPage } from './doctor/page.ts';

await runCommand(
  {
    name: 'doctor',
    summary: 'Shows what this machine has, and what training and classification would use.',
    options: z.strictObject({ json: z.boolean().default(false).describe('print JSON') }),
    run: async ({ json }) => {
      const facts = await gatherFacts(process.cwd());
      terminalOn(process.stdout).line(json ? JSON.stringify(facts, null, 2) : doctorPage(facts).trimEnd());
    },
  },
  process.argv.slice(2),
);
