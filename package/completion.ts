/**
 * `textura completion SHELL`: prints a script with which a shell completes commands, options and their values.
 * Generated from the definitions of the commands.
 */
import { z } from 'zod';
import { TexturaError } from '../model/error.ts';
import { type CommandDefinition, type OptionFacts, optionFacts } from '../node/command-line.ts';
import { terminalOn } from '../node/terminal.ts';

export interface CompletedCommand {
  /** Two for `setup:cuda`: a colon ends a word for bash. */
  readonly words: readonly string[];
  readonly summary: string;
  readonly options: readonly OptionFacts[];
}

const shells = { bash: bashScript, zsh: zshScript, fish: fishScript } as const;
const shellNames = Object.keys(shells).join(', ');
const options = z.strictObject({});

/** `load` gives all commands; only this command needs all of them. */
export function completionCommand(
  load: () => Promise<readonly CompletedCommand[]>,
): CommandDefinition<typeof options> {
  return {
    name: 'completion',
    summary:
      `Prints a completion script for a shell: ${shellNames}. bash: source <(textura completion bash); ` +
      'zsh: the same with zsh; fish: textura completion fish | source.',
    options,
    arguments: 'shell',
    async run(_, { args: [shell = '', ...others] }) {
      if (!Object.hasOwn(shells, shell) || others.length > 0)
        throw new TexturaError('usage', `expected one shell: ${shellNames}`);
      const script = shells[shell as keyof typeof shells](await load());
      terminalOn(process.stdout).line(script.trimEnd());
    },
  };
}

export function completedCommand(
  name: string,
  summary: string,
  command: CommandDefinition<z.ZodObject>,
): CompletedCommand {
  return { words: name.split(':'), summary, options: optionFacts(command) };
}

/** The first words of all commands and, by first word, the second ones. */
function wordsOf(commands: readonly CompletedCommand[]) {
  const first = [...new Set(commands.map(({ words: [word = ''] }) => word))];
  const second = first.flatMap((word) => {
    const others = commands.flatMap(({ words }) => (words[0] === word && words[1] ? [words[1]] : []));
    return others.length > 0 ? [{ word, others }] : [];
  });
  return { first, second };
}

function bashScript(commands: readonly CompletedCommand[], shell = 'bash'): string {
  const { first, second } = wordsOf(commands);
  const cases = (command: CompletedCommand) => {
    const name = command.words.join(' ');
    const values = command.options
      .filter(({ choices }) => choices.length > 0)
      .map(({ flag, choices }) => `    "${name} ${flag}") words="${choices.join(' ')}" ;;`);
    // Values without a list are mostly paths.
    const others = command.options.filter(({ takesValue, choices }) => takesValue && choices.length === 0);
    const files = others.map(({ flag }) => `"${name} ${flag}"`).join('|');
    return [...values, ...(files === '' ? [] : [`    ${files}) ;;`])];
  };
  const flags = commands.map(
    ({ words, options: own }) =>
      `    "${words.join(' ')}") words="${[...own.map(({ flag }) => flag), '--help'].join(' ')}" ;;`,
  );
  return `# Completion of textura for ${shell}: source <(textura completion ${shell})
_textura() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}"
  local command="\${COMP_WORDS[1]}" words="" prefix=""
  COMPREPLY=()
  # "--option=value" is three words in bash and one in zsh.
  case "$current" in
    =) current="" ;;
    --*=*) previous="\${current%%=*}" prefix="\${current%%=*}=" current="\${current#*=}" ;;
    *) if [ "$previous" = "=" ]; then previous="\${COMP_WORDS[COMP_CWORD-2]}"; fi ;;
  esac
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "${first.join(' ')} --help --version" -- "$current"))
    return
  fi
  case "$command \${COMP_WORDS[2]}" in
${commands
  .filter(({ words }) => words.length === 2)
  .map(({ words }) => `    "${words.join(' ')}") [ "$COMP_CWORD" -gt 2 ] && command="${words.join(' ')}" ;;`)
  .join('\n')}
  esac
  case "$command $previous" in
${commands.flatMap(cases).join('\n')}
    *)
      case "$current" in
        -*) case "$command" in
${flags.map((line) => `      ${line}`).join('\n')}
          esac ;;
        *) if [ "$COMP_CWORD" -eq 2 ]; then case "$command" in
${second.map(({ word, others }) => `          ${word}) words="${others.join(' ')}" ;;`).join('\n')}
            completion) words="${Object.keys(shells).join(' ')}" ;;
          esac; fi ;;
      esac ;;
  esac
  if [ -n "$words" ]; then COMPREPLY=($(compgen -P "$prefix" -W "$words" -- "$current")); fi
}
complete -o default -F _textura textura
`;
}

/** zsh runs bash's completions. */
function zshScript(commands: readonly CompletedCommand[]): string {
  const header = 'autoload -U +X compinit && compinit\nautoload -U +X bashcompinit && bashcompinit\n';
  return header + bashScript(commands, 'zsh');
}

function fishScript(commands: readonly CompletedCommand[]): string {
  const { first, second } = wordsOf(commands);
  const summaryOf = (word: string) => commands.find(({ words }) => words.join(' ') === word)?.summary ?? '';
  const lines = [
    '# Completion of textura for fish: textura completion fish | source',
    '# Whether the words after textura begin with these, and whether they are these.',
    'function __textura_begins; set -l words (commandline -opc); string match -q -- "$argv *" "$words[2..] "; end',
    'function __textura_is; set -l words (commandline -opc); test "$argv" = "$words[2..]"; end',
    ...first.map(
      (word) => `complete -c textura -f -n __fish_use_subcommand -a ${word} -d ${fishText(summaryOf(word))}`,
    ),
    ...second.flatMap(({ word, others }) =>
      others.map(
        (other) =>
          `complete -c textura -f -n '__textura_is ${word}' -a ${other} -d ${fishText(summaryOf(`${word} ${other}`))}`,
      ),
    ),
    `complete -c textura -f -n '__textura_is completion' -a '${Object.keys(shells).join(' ')}'`,
    ...commands.flatMap(({ words, options: own }) =>
      own.map(({ flag, takesValue, choices, summary }) => {
        const values = choices.length > 0 ? ` -x -a '${choices.join(' ')}'` : takesValue ? ' -r' : '';
        return `complete -c textura -n '__textura_begins ${words.join(' ')}' -l ${flag.slice(2)}${values} -d ${fishText(summary)}`;
      }),
    ),
  ];
  return `${lines.join('\n')}\n`;
}

function fishText(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
