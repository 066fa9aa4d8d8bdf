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
  /** Whether it takes paths in addition to options. */
  readonly takesPaths: boolean;
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
  const takesPaths = command.arguments === 'image';
  return { words: name.split(':'), summary, options: optionFacts(command), takesPaths };
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

/**
 * A function in the common language of bash and zsh: sets `candidates` to the words that may come next and
 * `paths` to 1 where a path may. Its arguments: the first two words after textura, the number of the word to
 * complete, the word before it (for `--option=value`, the option), and the word.
 */
function nextFunction(commands: readonly CompletedCommand[]): string {
  const { first, second } = wordsOf(commands);
  const places = new Map<string, string[]>();
  for (const { words, options: own } of commands)
    for (const { flag, value, words: known } of own) {
      if (value === 'none') continue;
      const effect = `candidates="${known.join(' ')}" paths=${value === 'text' ? '1' : '""'}`;
      places.set(effect, [...(places.get(effect) ?? []), `"${words.join(' ')} ${flag}"`]);
    }
  const values = [...places].map(([effect, flagsOf]) => `    ${flagsOf.join('|')}) ${effect} ;;`);
  const flags = commands.map(
    ({ words, options: own }) =>
      `        "${words.join(' ')}") candidates="${[...own.map(({ flag }) => flag), '--help'].join(' ')}" ;;`,
  );
  const others = [
    ...second.map(({ word, others: next }) => `        "${word} 2") candidates="${next.join(' ')}" ;;`),
    `        "completion 2") candidates="${Object.keys(shells).join(' ')}" ;;`,
    ...commands
      .filter(({ takesPaths }) => takesPaths)
      .map(({ words }) => `        "${words.join(' ')} "*) paths=1 ;;`),
  ];
  const pairs = commands.filter(({ words }) => words.length === 2).map(({ words }) => `"${words.join(' ')}"`);
  return `_textura_next() {
  local command="$1"
  candidates="" paths=""
  if [ "$3" -eq 1 ]; then candidates="${first.join(' ')} --help --version"; return; fi
  case "$1 $2" in
    ${pairs.join('|')}) if [ "$3" -gt 2 ]; then command="$1 $2"; fi ;;
  esac
  case "$command $4" in
${values.join('\n')}
    *) case "$5" in
      -*) case "$command" in
${flags.join('\n')}
      esac ;;
      *) case "$command $3" in
${others.join('\n')}
      esac ;;
    esac ;;
  esac
}
`;
}

function bashScript(commands: readonly CompletedCommand[]): string {
  return `# Completion of textura for bash: source <(textura completion bash)
${nextFunction(commands)}
_textura() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}" candidates paths
  # "--option=value" is three words.
  if [ "$current" = "=" ]; then current=""
  elif [ "$previous" = "=" ]; then previous="\${COMP_WORDS[COMP_CWORD-2]}"
  fi
  _textura_next "\${COMP_WORDS[1]}" "\${COMP_WORDS[2]}" "$COMP_CWORD" "$previous" "$current"
  COMPREPLY=($(compgen -W "$candidates" -- "$current"))
  if [ -z "$paths" ]; then compopt +o default
  elif [ "\${#COMPREPLY[@]}" -gt 0 ]; then
    # Paths are completed by default only where there is no other word.
    local IFS=$'\\n'
    COMPREPLY+=($(compgen -f -- "$current"))
    compopt -o filenames
  fi
}
complete -o default -F _textura textura
`;
}

function zshScript(commands: readonly CompletedCommand[]): string {
  return `# Completion of textura for zsh: source <(textura completion zsh)
(( $+functions[compdef] )) || { autoload -Uz compinit && compinit }
${nextFunction(commands)}
_textura() {
  local current="\${words[CURRENT]}" previous="\${words[CURRENT-1]}" candidates paths found=1
  # "--option=value" is one word.
  if [[ $current = --*=* ]]; then
    previous="\${current%%=*}" current="\${current#*=}"
    compset -P 1 '*='
  fi
  _textura_next "\${words[2]}" "\${words[3]}" $((CURRENT - 1)) "$previous" "$current"
  if [[ -n $candidates ]] && compadd -- \${=candidates}; then found=0; fi
  if [[ -n $paths ]] && _files; then found=0; fi
  return found
}
compdef _textura textura
`;
}

function fishScript(commands: readonly CompletedCommand[]): string {
  const { first, second } = wordsOf(commands);
  const summaryOf = (word: string) => commands.find(({ words }) => words.join(' ') === word)?.summary;
  const lines = [
    '# Completion of textura for fish: textura completion fish | source',
    '# Whether the words after textura begin with these, and whether they are these.',
    'function __textura_begins; set -l words (commandline -opc); string match -q -- "$argv *" "$words[2..] "; end',
    'function __textura_is; set -l words (commandline -opc); test "$argv" = "$words[2..]"; end',
    'complete -c textura -f',
    "complete -c textura -l help -d 'show the help'",
    "complete -c textura -n __fish_use_subcommand -l version -d 'show the version'",
    ...first.map((word) => {
      const summary = summaryOf(word) ?? second.find((entry) => entry.word === word)?.others.join(', ') ?? '';
      return `complete -c textura -n __fish_use_subcommand -a ${word} -d ${fishText(summary)}`;
    }),
    ...second.flatMap(({ word, others }) =>
      others.map(
        (other) =>
          `complete -c textura -n '__textura_is ${word}' -a ${other} -d ${fishText(summaryOf(`${word} ${other}`) ?? '')}`,
      ),
    ),
    `complete -c textura -n '__textura_is completion' -a '${Object.keys(shells).join(' ')}'`,
    ...commands.flatMap(({ words, options: own, takesPaths }) => {
      const begins = `complete -c textura -n '__textura_begins ${words.join(' ')}'`;
      const options = own.map(({ flag, value, words: known, summary }) => {
        const kinds = { none: '', closed: ' -x', text: ' -r -F' } as const;
        const values = known.length > 0 ? ` -a '${known.join(' ')}'` : '';
        return `${begins} -l ${flag.slice(2)}${kinds[value]}${values} -d ${fishText(summary)}`;
      });
      return takesPaths ? [`${begins} -F`, ...options] : options;
    }),
  ];
  return `${lines.join('\n')}\n`;
}

function fishText(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
