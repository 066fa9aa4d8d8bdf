import { expect, test } from 'vitest';
import { runProgram } from '../../node/program.ts';
import { repository } from '../../package/compile.ts';

test.each(['build', 'demo'])(
  'npm run %s rejects an unknown option in a sentence, before it builds',
  async (name) => {
    const args = ['run', '--silent', name, '--', '--nosuch'];
    expect(await runProgram('npm', args, { cwd: repository })).toMatchObject({
      status: 2,
      stdout: '',
      stderr: `${name}: unknown option '--nosuch'\n`,
    });
  },
);
