/** What shells complete with the scripts of `textura completion`, at their own prompts. */
import { spawnSync } from 'node:child_process';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { runProgram } from '../../node/program.ts';
import { repository } from '../../package/compile.ts';
import { runScript } from '../support/command.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

/** The shell inserts all completions of the last word, and this command gets them as arguments. */
const textura = `textura() { printf '%s\\n' "$@" > "$HOME/completed"; exit; }`;

interface Shell {
  /** A file that the shell reads when it starts, with the name that zsh looks for. */
  readonly start: string;
  /** Completes `$LINE`; script(1) gives the shell a terminal. */
  readonly query: string;
}

const shells: Readonly<Record<'bash' | 'zsh' | 'fish', Shell>> = {
  bash: {
    start: `. "$HOME/script"\n${textura}\nbind '"\\C-t": insert-completions'`,
    query: `printf '%s\\024\\n' "$LINE" | script -qec 'bash --rcfile "$HOME/.zshrc" -i' /dev/null`,
  },
  zsh: {
    start: `. "$HOME/script"
      ${textura}
      insert-all() { _main_complete; compstate[insert]=all }
      zle -C insert-all complete-word insert-all
      zle-line-init() { BUFFER=$LINE CURSOR=$#BUFFER; zle insert-all; zle accept-line }
      zle -N zle-line-init`,
    query: `script -qec 'zsh -i' /dev/null < /dev/null`,
  },
  fish: {
    start: '',
    query: `fish --no-config -c '. "$HOME/script"; complete -C "$LINE"' > "$HOME/completed"`,
  },
};

function canRun(shell: string): boolean {
  return [shell, 'script'].every((program) => spawnSync(program, ['--version']).status === 0);
}

describe.each(['bash', 'zsh', 'fish'] as const)('%s', (shell) => {
  const isInstalled = canRun(shell);
  let script = '';
  beforeAll(async () => {
    const result = await runScript('package/textura.ts', ['completion', shell], { cwd: repository });
    expect(result).toMatchObject({ status: 0, stderr: '' });
    script = result.stdout;
  });

  /** A function from a line to the words that its last one may become. */
  async function prompt() {
    const { start, query } = shells[shell];
    const home = await temporaryFolder({ '.zshrc': start, script });
    const cwd = await temporaryFolder({ 'photos/': '', 'one.png': '', 'two words.png': '' });
    const folders = { HOME: home, ZDOTDIR: home, XDG_CONFIG_HOME: home, XDG_DATA_HOME: home };
    return async (line: string): Promise<readonly string[]> => {
      const env = { ...folders, LINE: `textura ${line}` };
      const { stdout, stderr } = await runProgram('sh', ['-c', query], { cwd, env, timeoutMs: 60_000 });
      expect(stderr, stdout).toBe('');
      const text = await readFile(join(home, 'completed'), 'utf8');
      await rm(join(home, 'completed'));
      // With its description in fish, where a folder has a slash.
      const words = text.split('\n').map((word) => word.replace(/\t.*/, '').replace(/\/$/, ''));
      // bash and zsh pass the other words too, and a word without completions as it is.
      const before = shell === 'fish' ? 0 : line.split(' ').length - 1;
      return words
        .slice(before)
        .filter((word) => word !== '' && word !== line.replace(/.* /, ''))
        .sort();
    };
  }

  test.skipIf(!isInstalled)(
    'completes commands, their options and the values of an option',
    async () => {
      const completions = await prompt();
      expect(await completions('tr')).toEqual(['train']);
      expect(await completions('--ver')).toEqual(['--version']);
      expect(await completions('train --eng')).toEqual(['--engine']);
      expect(await completions('train --he')).toEqual(['--help']);
      expect(await completions('train --engine ')).toEqual(['auto', 'onnx', 'tfjs']);
      expect(await completions('train --engine=o')).toEqual(['--engine=onnx']);
      expect(await completions('setup c')).toEqual(['cuda']);
      expect(await completions('setup cuda --r')).toEqual(['--remove']);
      expect(await completions('ablate --seeds 2 --cont')).toEqual(['--controls']);
      expect(await completions('completion ')).toEqual(['bash', 'fish', 'zsh']);
      // Of another command, whose name is the folder's.
      expect(await completions('evaluate --data train --eng')).toEqual([]);
    },
    120_000,
  );

  test.skipIf(!isInstalled)(
    'completes paths where a path may follow, and only there',
    async () => {
      const completions = await prompt();
      const paths = ['one.png', 'photos', 'two words.png'];
      expect(await completions('evaluate --data ')).toEqual(paths);
      expect(await completions('evaluate --data=ph')).toEqual(['--data=photos']);
      expect(await completions('classify --top 2 ')).toEqual(paths);
      expect(await completions('classify o')).toEqual(['one.png']);
      // A word as an alternative to a path.
      expect(await completions('train --init ')).toEqual([...paths, 'pretrained'].sort());
      expect(await completions('train --init=pre')).toEqual(['--init=pretrained']);
      for (const line of ['train ', 'train --epochs ', 'ablate worker ', 'completion bash '])
        expect(await completions(line), line).toEqual([]);
    },
    120_000,
  );
});

test.skipIf(!canRun('fish'))('every command has a description in fish', async () => {
  const { stdout } = await runScript('package/textura.ts', ['completion', 'fish'], { cwd: repository });
  const home = await temporaryFolder({ script: stdout });
  const env = { HOME: home, XDG_CONFIG_HOME: home, XDG_DATA_HOME: home };
  const query = '. "$HOME/script"; complete -C "textura "';
  const result = await runProgram('fish', ['--no-config', '-c', query], { env });
  const lines = result.stdout.trim().split('\n');
  expect(lines.length).toBeGreaterThan(8);
  expect(lines.filter((line) => !/^[a-z]+\t./.test(line))).toEqual([]);
});

test('there is no completion for another shell', async () => {
  const result = await runScript('package/textura.ts', ['completion', 'cmd'], { cwd: repository });
  expect(result).toMatchObject({
    status: 2,
    stderr: 'completion: expected one shell: bash, zsh, fish\n',
  });
});
