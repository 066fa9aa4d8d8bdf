/**
 * Loads TensorFlow with the settings in its argument, computes, and prints the result. It is a separate
 * process, because TensorFlow cannot be unloaded.
 */
import { readdirSync } from 'node:fs';
import nodeUtil from 'node:util';
import { loadTensorflow } from '../../training/engine/tensorflow/load.ts';

const tf = await loadTensorflow(JSON.parse(process.argv[2] ?? '{}'));
const again = await loadTensorflow();
const image = tf.tensor4d([1, 2, 3, 4, 5, 6], [1, 2, 3, 1]);
const kernel = tf.tensor4d([1, 10], [1, 2, 1, 1]);
const sums = tf.conv2d(image, kernel, 1, 'valid');
const util = nodeUtil as unknown as { isNullOrUndefined(value: unknown): boolean };
process.stdout.write(
  JSON.stringify({
    backend: tf.getBackend(),
    same: again === tf,
    sums: [...sums.dataSync()],
    threads: readdirSync('/proc/self/task').length,
    nullIsNull: util.isNullOrUndefined(null),
    zeroIsNull: util.isNullOrUndefined(0),
    tf32Override: process.env.NVIDIA_TF32_OVERRIDE,
  }),
);
