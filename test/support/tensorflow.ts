/** Tests that need TensorFlow: skipped with the reason in their title where it is not set up. */
import { describe } from 'vitest';
import { tensorflowInstalled } from '../../training/engine/tensorflow/location.ts';

export const tensorflowReady: boolean = tensorflowInstalled();

/** `describe` for tests that load TensorFlow. */
export function describeWithTensorflow(title: string, tests: () => void): void {
  if (tensorflowReady) describe(title, tests);
  else describe.skip(`${title} (skipped: TensorFlow is not set up, npm run setup:tensorflow)`, tests);
}
