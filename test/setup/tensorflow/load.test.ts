import { tmpdir } from 'node:os';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type BareClone, makeBareClone } from '../../support/bare-clone.ts';
import { runScript } from '../../support/command.ts';
import { describeWithTensorflow } from '../../support/tensorflow.ts';

async function load(settings: object) {
  const result = await runScript('test/support/load-tensorflow.ts', [JSON.stringify(settings)], {
    cwd: tmpdir(),
  });
  expect(result).toMatchObject({ status: 0, stderr: '' });
  return JSON.parse(result.stdout) as Record<string, unknown>;
}

describeWithTensorflow('TensorFlow', () => {
  it('computes with its own kernels, silently, and is loaded once', async () => {
    expect(await load({ device: 'cpu' })).toMatchObject({
      backend: 'tensorflow',
      same: true,
      // 1 + 10 * 2, 2 + 10 * 3, 4 + 10 * 5, 5 + 10 * 6
      sums: [21, 32, 54, 65],
      nullIsNull: true,
      zeroIsNull: false,
      tf32Override: '0',
    });
  });

  it.runIf(process.platform === 'linux')('has the threads that were asked for', async () => {
    const few = await load({ device: 'cpu', threads: 2 });
    const many = await load({ device: 'cpu', threads: 7 });
    expect(Number(many.threads) - Number(few.threads)).toBeGreaterThanOrEqual(5);
  });
});

describe('without a binding', () => {
  let clone: BareClone;
  beforeAll(async () => {
    clone = await makeBareClone([]);
  });
  afterAll(() => clone.remove());

  it('the error names the command that sets it up', async () => {
    const { stdout } = await clone.evaluate(
      `import { loadTensorflow } from './training/engine/tensorflow/load.js'; loadTensorflow().catch((e) => process.stdout.write(e.code + ': ' + e.message));`,
    );
    expect(stdout).toMatch(/^engine-unavailable: .*npm run setup:tensorflow/);
  });
});
