/** A disk of its own for a command: a tmpfs in a mount namespace, which goes when the command ends. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { compiledCopy } from '../../node/own-module.ts';
import { type ProgramResult, runProgram } from '../../node/program.ts';

const mount = (options: string, folder: string) => `mount -t tmpfs -o ${options} none '${folder}'`;

/** Linux allows it to everybody, unless it is configured not to. */
export const smallDisksWork =
  spawnSync('unshare', ['-rm', 'sh', '-c', mount('size=1m', '/mnt')]).status === 0;

/** The title of a test that needs such a disk. */
export function onSmallDisks(sentence: string): string {
  return smallDisksWork ? sentence : `${sentence} (skipped: unshare and mount are not allowed here)`;
}

/**
 * Runs a script of a POSIX shell in which `folder` is a disk of `megabytes`; `$1` is its path, and the
 * function `textura FILE ARGS` runs a command of ours, such as `training/train.ts`, in the folder `cwd`.
 */
export function onSmallDisk(
  script: string,
  { folder, megabytes, cwd }: { readonly folder: string; readonly megabytes: number; readonly cwd: string },
): Promise<ProgramResult> {
  const repository = fileURLToPath(new URL('../../', import.meta.url));
  const command = [
    `cd '${cwd}'`,
    mount(`size=${megabytes}m`, folder),
    `textura() { file=$1; shift; '${process.execPath}' '${repository}${compiledCopy}/'"\${file%.ts}.js" "$@"; }`,
    script,
  ].join('\n');
  return runProgram('unshare', ['-rm', 'sh', '-c', command, 'sh', folder]);
}
