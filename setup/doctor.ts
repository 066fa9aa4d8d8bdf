/** `npm run doctor`: what this machine has, and what training and classifying would use. */
import { z } from 'zod';
import { runCommand } from '../node/command-line.ts';
import { terminalOn } from '../node/terminal.ts';
import { gatherFacts } from './doctor/facts.ts';
import { doctorPage } from './doctor/page.ts';

await runCommand(
  {
    name: 'doctor',
    summary: 'Tells what this machine has, and what training and classifying would use.',
    options: z.strictObject({ json: z.boolean().default(false).describe('the facts as JSON') }),
    run: async ({ json }) => {
      const facts = await gatherFacts(process.cwd());
      terminalOn(process.stdout).line(json ? JSON.stringify(facts, null, 2) : doctorPage(facts).trimEnd());
    },
  },
  process.argv.slice(2),
);
