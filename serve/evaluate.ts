/**
 * npm run evaluate: how well a model classifies a labelled folder. Needs the exported file and the
 * photographs, none of the training code.
 */
import { type CommandDefinition, runIfMain } from '../node/command-line.ts';
import { progressBar, terminalOn } from '../node/terminal.ts';
import { evaluateFolder, evaluateOptions } from './evaluation/evaluate-folder.ts';
import { evaluationText } from './evaluation/evaluation-text.ts';

export const command: CommandDefinition<typeof evaluateOptions> = {
  name: 'evaluate',
  summary:
    'Evaluates an exported model on a folder of labelled photographs: errors with intervals, classes, ' +
    'confusion, calibration, the worst photographs and speed.',
  options: evaluateOptions,
  configurable: ['models', 'maxImagePixels'],
  async run(given) {
    const progress = terminalOn(process.stderr);
    const { evaluation, out } = await evaluateFolder(given, (done, total) =>
      progress.status(`${progressBar(done / total, 20)} ${done}/${total}`),
    ).finally(progress.clear);
    const text = given.json ? JSON.stringify(evaluation, undefined, 2) : evaluationText(evaluation, out);
    terminalOn(process.stdout).line(text);
  },
};

await runIfMain(command, import.meta.url);
