import { spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { startArguments } from '../support/command.ts';
import { pngFile } from '../support/pictures.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

test.skipIf(process.platform === 'win32')(
  'if no file descriptor is free, an image is read as soon as one is, and the error does not name the image',
  async () => {
    const image = join(await temporaryFolder(), 'photograph.png');
    const bytes = await pngFile(1);
    await writeFile(image, bytes);
    const node = [process.execPath, ...startArguments('test/support/no-descriptors.ts'), image];
    const { stdout, stderr } = spawnSync('sh', ['-c', 'ulimit -n 80 && exec "$0" "$@"', ...node], {
      encoding: 'utf8',
    });
    expect(stderr).toBe('');
    const answer = JSON.parse(stdout);
    expect(answer).toEqual({
      length: bytes.length,
      tries: expect.any(Number),
      code: 'descriptors-exhausted',
      message:
        'no file can be opened (EMFILE): the limit on open files is reached; raise it (ulimit -n 1024)',
    });
    expect(answer.tries).toBeGreaterThan(1);
    expect(answer.message).not.toContain('photograph');
  },
  30_000,
);
