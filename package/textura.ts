#!/usr/bin/env node
/** `npx textura COMMAND`: the program of the npm package. Loads only the command that runs. */
import { exitStatusText } from '../model/error.ts';
import { oneLine } from '../model/words.ts';
import { handleOutputErrors } from '../node/output.ts';
import { productVersion } from '../node/product-version.ts';
import { terminalOn } from '../node/terminal.ts';
import { chosenCommand, commandGroups, similarCommand } from './commands.ts';

async function textura(argv: readonly string[]): Promise<void> {
  const [first, ...others] = argv;
  const out = terminalOn(process.stdout);
  if (first === undefined || first === '--help' || first === '-h') return out.line(overview());
  if (first === '--version' || first === '-v') return out.line(productVersion());
  if (first === 'help') return textura([...others, '--help']);
  const chosen = chosenCommand(argv);
  if (chosen === undefined) {
    process.exitCode = 2;
    return terminalOn(process.stderr).line(`textura: ${unknownText(first)}`);
  }
  const [{ runCommand }, { command }] = await Promise.all([
    import('../node/command-line.ts'),
    chosen.entry.load(),
  ]);
  await runCommand(command, chosen.rest);
}

function unknownText(word: string): string {
  const similar = similarCommand(word);
  const hint = similar === undefined ? '' : ` Did you mean ${similar}?`;
  return `there is no command "${oneLine(word)}".${hint} npx textura --help lists the commands.`;
}

function overview(): string {
  const groups = Object.entries(commandGroups).flatMap(([heading, entries]) => [
    '',
    `${heading}:`,
    ...Object.entries(entries).map(([name, { summary }]) => `  ${name.padEnd(18)}${summary}`),
  ]);
  return [
    'Usage: npx textura COMMAND [options]',
    '',
    'Trains, verifies, exports and serves classifiers of surfaces.',
    ...groups,
    '',
    '  npx textura COMMAND --help lists the options of a command.',
    '  npx textura --version prints the version.',
    '',
    exitStatusText,
  ].join('\n');
}

handleOutputErrors();
await textura(process.argv.slice(2));
