/** npm run docs:training-step: makes the pictures of docs/training-step.md. */
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { writeFileAtomically } from '../node/atomic-file.ts';
import { runCommand } from '../node/command-line.ts';
import { trainingStepFigures } from './training-step-figures.ts';

await runCommand(
  {
    name: 'docs:training-step',
    summary: 'Makes the pictures of docs/training-step.md from the graphs of the training step.',
    options: z.strictObject({}),
    run: async () => {
      for (const [name, figure] of Object.entries(trainingStepFigures())) {
        await writeFileAtomically(fileURLToPath(new URL(name, import.meta.url)), figure);
        process.stdout.write(`docs/${name}\n`);
      }
    },
  },
  process.argv.slice(2),
);
