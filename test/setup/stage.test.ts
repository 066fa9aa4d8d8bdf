import { expect, it } from 'vitest';
import { runStep } from '../../setup/stage.ts';

it('a step that Ctrl-C stops is interrupted, not failed', async () => {
  const step = runStep('downloading', process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
  process.listeners('SIGINT').at(-1)?.('SIGINT');
  await expect(step).rejects.toMatchObject({
    code: 'interrupted',
    message: 'stopped while downloading; run the command again',
  });
});
