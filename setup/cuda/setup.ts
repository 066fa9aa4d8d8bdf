/** npm run setup:cuda. */
import { z } from 'zod';
import { callerPathHelp } from '../../node/caller-path.ts';
import { type CommandDefinition, runIfMain } from '../../node/command-line.ts';
import { terminalOn } from '../../node/terminal.ts';
import { removeCuda, setUpCuda } from './install.ts';

const { line: printLine } = terminalOn(process.stdout);

const options = z.strictObject({
  from: z
    .string()
    .optional()
    .describe(
      `use the libraries in this folder, such as a Python environment's, instead of downloads (${callerPathHelp})`,
    ),
  bundled: z
    .boolean()
    .default(false)
    .describe("download NVIDIA's libraries even if this machine has CUDA 13 and cuDNN 9"),
  downloadOnly: z
    .boolean()
    .default(false)
    .describe('do not check the driver or test CUDA, for images that are built without a GPU'),
  remove: z.boolean().default(false).describe('delete the libraries'),
});

export const command: CommandDefinition<typeof options> = {
  name: 'setup:cuda',
  summary: 'Installs CUDA for onnxruntime, for --device cuda in training and serving.',
  options,
  run: async ({ remove, from, bundled, downloadOnly }) => {
    const setup = { bundled, downloadOnly, ...(from !== undefined && { from }) };
    await (remove ? removeCuda(printLine) : setUpCuda(printLine, setup));
  },
};

await runIfMain(command, import.meta.url);
