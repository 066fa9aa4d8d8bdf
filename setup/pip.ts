/**
 * Installs Python wheels that are used for their shared libraries. pip only downloads and unpacks: fixed tags
 * select the wheels, so that the installed version of Python does not matter, and hashes pin the files. It
 * honours the user's mirrors, proxies and certificates.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { TexturaError } from '../model/error.ts';
import { runProgram } from '../node/program.ts';
import { lastLines } from './stage.ts';

export interface PinnedWheels {
  /** What they are, for messages. */
  readonly what: string;
  /** Path of pip's requirements file, with a hash for each wheel. */
  readonly requirements: string;
  /** Platform tags of the wheels, most specific first. */
  readonly platforms: readonly string[];
}

/** pip's arguments to install `wheels` into `folder`. */
export function pipArguments({ requirements, platforms }: PinnedWheels, folder: string): string[] {
  return [
    ...['-m', 'pip', 'install', '--quiet', '--no-input', '--disable-pip-version-check', '--no-cache-dir'],
    ...['--no-deps', '--no-compile', '--only-binary=:all:', '--require-hashes'],
    ...['--requirement', requirements],
    ...['--python-version', '3.12', '--implementation', 'cp', '--abi', 'cp312'],
    ...platforms.flatMap((tag) => ['--platform', tag]),
    ...['--target', folder],
  ];
}

/**
 * Downloads `wheels` and unpacks them into a new folder in `working`, which it returns.
 * Errors: `engine-unavailable` with pip's last lines, `interrupted`.
 */
export async function pipInstall(wheels: PinnedWheels, working: string): Promise<string> {
  const unpacked = join(working, 'wheel');
  const temporary = join(working, 'temporary');
  await mkdir(temporary, { recursive: true });
  // pip unpacks in TMPDIR and then moves; on the same disk that is a rename, and /tmp may be small.
  const env = { TMPDIR: temporary, PIP_USER: 'no', PIP_TARGET: undefined, PIP_CONSTRAINT: undefined };
  const result = await runProgram('python3', pipArguments(wheels, unpacked), { env, doing: 'downloading' });
  if (result.status === 0) return unpacked;
  const exit = `python3 -m pip, exit ${result.status ?? result.signal}`;
  throw new TexturaError(
    'engine-unavailable',
    `pip could not download ${wheels.what} (${exit}):\n${lastLines(result)}`,
  );
}
