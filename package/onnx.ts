/**
 * `textura/onnx`: builds ONNX graphs node by node with inferred shapes, encodes them as files, and reads what
 * a file contains. Needs no runtime and no native code.
 *
 *     const graph = createGraph({ name: 'double', opset: 17, float: 'float32' });
 *     const x = graph.input('x', 'float32', ['N', 4]);
 *     graph.output(graph.node('Add', [x, x], { name: 'y' }));
 *     const file = encodeModel(graph, { producerName: 'me', producerVersion: '1', metadata: {} });
 */
export { createGraph, type Graph, type GraphContent, type GraphSettings } from '../graph/builder.ts';
export { encodeModel, type ModelStamp } from '../graph/encode.ts';
export { forwardGraph } from '../graph/forward.ts';
export { describeModel, type ModelDescription } from '../graph/onnx/description.ts';
export { float16Tensor, type Tensor, tensorOf, valuesOf } from '../graph/tensor.ts';
export type { Dimension, Value } from '../graph/value.ts';
