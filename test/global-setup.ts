/**
 * Once before all tests: TensorFlow, so that the tests of its engine run. Where it cannot be set up they are skipped, each saying why
 * (test/support/tensorflow.ts).
 */
import { setUpTensorflow } from '../training/tensorflow/install.ts';
import { tensorflowInstalled } from '../training/tensorflow/location.ts';

export async function setup(): Promise<void> {
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
