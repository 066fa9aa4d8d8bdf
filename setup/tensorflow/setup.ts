/** `npm run setup:tensorflow`: the command line of install.ts. */
import { z } from 'zod';
import { runCommand } from '../../node/command-line.ts';
import { terminalOn } from '../../node/terminal.ts';
import { flavours } from '../../training/engine/tensorflow/location.ts';
import { removeTensorflow, setUpTensorflow } from './install.ts';

const { line: printLine } = terminalOn(process.stdout);

const options = z.strictObject({
  flavour: z
    .enum(flavours)
    .optional()
    .describe('which TensorFlow; left out, cuda where nvidia-smi finds a GPU, else cpu'),
  remove: z.boolean().default(false).describe('undo: delete the libraries and the link to them'),
});

await runCommand(
  {
    name: 'setup:tensorflow',
    summary: 'Sets TensorFlow up for training with --engine tfjs.',
    options,
    run: async ({ flavour, remove }) => {
      await (remove ? removeTensorflow(printLine) : setUpTensorflow(flavour, printLine));
    },
  },
  process.argv.slice(2),
);
