/** Runs one matrix product on CUDA. If that fails, prints onnxruntime's error and exits with status 1. */
import { createGraph } from '../../graph/builder.ts';
import { encodeModel } from '../../graph/encode.ts';
import { InferenceSession, Tensor } from '../../node/onnxruntime.ts';
import { productVersion } from '../../node/product-version.ts';

const graph = createGraph({ name: 'cuda-test', opset: 17, float: 'float32' });
const matrix = graph.input('matrix', 'float32', [2, 2]);
graph.output(graph.node('MatMul', [matrix, matrix]));
const stamp = { producerName: 'textura', producerVersion: productVersion(), metadata: {} };
try {
  const session = await InferenceSession.create(encodeModel(graph, stamp), { executionProviders: ['cuda'] });
  await session.run({ matrix: new Tensor('float32', new Float32Array(4), [2, 2]) });
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
