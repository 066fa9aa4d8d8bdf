/** npm run setup:tensorflow. */
import { z } from 'zod';
import { type CommandDefinition, runIfMain } from '../../node/command-line.ts';
import { terminalOn } from '../../node/terminal.ts';
import { flavours } from '../../training/engine/tensorflow/location.ts';
import { removeTensorflow, setUpTensorflow } from './install.ts';

const { line: printLine } = terminalOn(process.stdout);

const options = z.strictObject({
  flavour: z
    .enum(flavours)
    .optional()
    .describe('TensorFlow build (default: cuda if nvidia-smi finds a GPU, otherwise cpu)'),
  remove: z.boolean().default(false).describe('delete the libraries and the link to them'),
});

export const command: CommandDefinition<typeof options> = {
  name: 'setup:tensorflow',
  summary: 'Installs TensorFlow, for training with --engine tfjs.',
  options,
  run: async ({ flavour, remove }) => {
    await (remove ? removeTensorflow(printLine) : setUpTensorflow(flavour, printLine));
  },
};

await runIfMain(command, import.meta.url);
