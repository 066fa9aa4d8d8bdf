/**
 * Once before all tests: TensorFlow, so that the tests of its engine run. Where it cannot be set up, as on a
 * machine without a network, they are skipped, each saying why (test/support/tensorflow.ts).
 */
import { setUpTensorflow } from '../setup/tensorflow/install.ts';
import { tensorflowInstalled } from '../training/engine/tensorflow/location.ts';

/** Without a network pip's default retries take minutes. The processes of tests inherit these settings. */
const impatience = { PIP_RETRIES: '1', PIP_DEFAULT_TIMEOUT: '10' } as const;

export async function setup(): Promise<void> {
  for (const [name, value] of Object.entries(impatience)) process.env[name] ??= value;
  if (tensorflowInstalled()) return;
  try {
    await setUpTensorflow(undefined, print);
  } catch (error) {
    print(error instanceof Error ? error.message : String(error));
    print('Tests that need TensorFlow will be skipped.');
  }
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
