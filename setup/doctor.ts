/** npm run doctor. */
import { z } from 'zod';
import { type CommandDefinition, runIfMain } from '../node/command-line.ts';
import { terminalOn } from '../node/terminal.ts';
import { gatherFacts } from './doctor/facts.ts';
import { doctorPage } from './doctor/page.ts';

const options = z.strictObject({ json: z.boolean().default(false).describe('print JSON') });

export const command: CommandDefinition<typeof options> = {
  name: 'doctor',
  summary: 'Shows what this machine has, and what training and classification would use.',
  options,
  run: async ({ json }) => {
    const facts = await gatherFacts(process.cwd());
    const terminal = terminalOn(process.stdout);
    terminal.line(json ? JSON.stringify(facts, null, 2) : doctorPage(facts, terminal.width).trimEnd());
  },
};

await runIfMain(command, import.meta.url);
