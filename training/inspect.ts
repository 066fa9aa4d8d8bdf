/** `npm run inspect`: a look at a data folder before training: labels, duplicates and odd pictures. */
import { type CommandDefinition, runIfMain } from '../node/command-line.ts';
import { progressBar, terminalOn } from '../node/terminal.ts';
import { inspectData, inspectOptions } from './inspection/inspect-data.ts';
import { inspectionText } from './inspection/inspection-text.ts';

export const command: CommandDefinition<typeof inspectOptions> = {
  name: 'inspect',
  summary:
    'Looks for problems in labelled photographs: suspicious labels, near duplicates, blurred, flat, clipped ' +
    'and unusually sized pictures. Changes nothing but its own output.',
  options: inspectOptions,
  async run(given) {
    const progress = terminalOn(process.stderr);
    const finished = await inspectData(given, (done, total) =>
      progress.status(`${progressBar(done / total, 20)} ${done}/${total}`),
    ).finally(progress.clear);
    const text = given.json ? JSON.stringify(finished.inspection, undefined, 2) : inspectionText(finished);
    terminalOn(process.stdout).line(text);
  },
};

await runIfMain(command, import.meta.url);
