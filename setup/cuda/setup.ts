/** npm run setup:cuda. */
import { z } from 'zod';
import { runCommand } from '../../node/command-line.ts';
import { terminalOn } from '../../node/terminal.ts';
import { removeCuda, setUpCuda } from './install.ts';

const { line: printLine } = terminalOn(process.stdout);

const options = z.strictObject({
  remove: z.boolean().default(false).describe('delete the libraries'),
});

await runCommand(
  {
    name: 'setup:cuda',
    summary: 'Installs CUDA for onnxruntime, for --device cuda in training and serving.',
    options,
    run: async ({ remove }) => {
      await (remove ? removeCuda(printLine) : setUpCuda(printLine));
    },
  },
  process.argv.slice(2),
);
