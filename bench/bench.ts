/** `npm run bench -- SUBJECT`: measures the product beside its peers. */
import { TexturaError } from '../model/error.ts';
import { runCommand } from '../node/command-line.ts';
import { terminalOn } from '../node/terminal.ts';
import { benchTrain, trainBenchOptions } from './train.ts';

const subjects = ['train'] as const;

await runCommand(
  {
    name: 'bench',
    summary: `Measures Textura beside its peers, interleaved in one run. Subjects: ${subjects.join(', ')}.`,
    options: trainBenchOptions,
    arguments: 'subject',
    run: async (options, { args }) => {
      if (args.length !== 1 || args[0] !== 'train') {
        const got = args.length === 0 ? 'none' : `"${args.join(' ')}"`;
        throw new TexturaError('usage', `expected one subject of ${subjects.join(', ')}, got ${got}`);
      }
      await benchTrain(options, terminalOn(process.stdout));
    },
  },
  process.argv.slice(2),
);
