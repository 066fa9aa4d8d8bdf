/** Runs a command of the product as a person does: in a process of its own. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export interface CommandResult {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const repository = fileURLToPath(new URL('../../', import.meta.url));

interface CommandSettings {
  readonly cwd: string;
  readonly stdin?: Uint8Array;
  /** The whole environment; default: that of this process. */
  readonly env?: NodeJS.ProcessEnv;
}

/** Runs a script such as `export/export.ts` in the folder `cwd`, with `stdin` as its standard input. */
export function runScript(
  script: string,
  args: readonly string[],
  { cwd, stdin = new Uint8Array(), env = process.env }: CommandSettings,
): Promise<CommandResult> {
  return new Promise((resolve, reject) => {
    const loader = import.meta.resolve('tsx');
    const argv = ['--import', loader, `${repository}${script}`, ...args];
    const child = spawn(process.execPath, argv, { cwd, env });
    const output = { stdout: '', stderr: '' };
    for (const stream of ['stdout', 'stderr'] as const) {
      child[stream].setEncoding('utf8').on('data', (text: string) => {
        output[stream] += text;
      });
    }
    // A command that rejects its arguments ends before it reads its input.
    child.stdin.on('error', () => {}).end(stdin);
    child.on('error', reject);
    child.on('close', (status) => resolve({ status, ...output }));
  });
}
