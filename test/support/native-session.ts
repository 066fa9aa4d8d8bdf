/** A thread that computes with onnxruntime and answers what native code sees of the environment. */
import { parentPort } from 'node:worker_threads';
import { createGraph } from '../../graph/builder.ts';
import { encodeModel } from '../../graph/encode.ts';
import { InferenceSession, Tensor } from '../../node/onnxruntime.ts';

const graph = createGraph({ name: 'product', opset: 17, float: 'float32' });
const matrix = graph.input('matrix', 'float32', [2, 2]);
graph.output(graph.node('MatMul', [matrix, matrix]));
const stamp = { producerName: 'textura', producerVersion: '0.0.0', metadata: {} };
const session = await InferenceSession.create(encodeModel(graph, stamp));
await session.run({ matrix: new Tensor('float32', new Float32Array(4), [2, 2]) });
await session.release();
// Not process.env: in a thread that is a copy which native code does not see.
const report = process.report.getReport() as unknown as { environmentVariables: Record<string, string> };
const { ORT_DISABLE_TELEMETRY, NVIDIA_TF32_OVERRIDE } = report.environmentVariables;
const seen = { ORT_DISABLE_TELEMETRY, NVIDIA_TF32_OVERRIDE };
if (parentPort === null) process.stdout.write(JSON.stringify(seen));
else parentPort.postMessage(seen);
