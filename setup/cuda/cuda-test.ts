/** Runs one matrix product on CUDA. If that fails, prints onnxruntime's error and exits with status 1. */
import { createGraph } from '../../graph/builder.ts';
import { encodeModel } from '../../graph/encode.ts';
import { messageOf } from '../../model/error.ts';
import { InferenceSession, Tensor } from '../../node/onnxruntime.ts';
import { modelStamp } from '../../node/product-version.ts';

const graph = createGraph({ name: 'cuda-test', opset: 17, float: 'float32' });
const matrix = graph.input('matrix', 'float32', [2, 2]);
graph.output(graph.node('MatMul', [matrix, matrix]));
try {
  const model = encodeModel(graph, modelStamp());
  const session = await InferenceSession.create(model, { executionProviders: ['cuda'] });
  await session.run({ matrix: new Tensor('float32', new Float32Array(4), [2, 2]) });
} catch (error) {
  process.stderr.write(`${messageOf(error)}\n`);
  process.exitCode = 1;
}
