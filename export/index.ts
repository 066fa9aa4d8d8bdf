/** What other parts may use of `export/`: the graph builder and the graphs of a network. Pure: it runs in a page as well. */
export { addForward, type ForwardOutputs, forwardGraph, type ParameterSource } from './graph/forward.ts';
export {
  createGraph,
  type Graph,
  type GraphContent,
  type GraphNode,
  type GraphSettings,
  type Initializer,
} from './graph/graph.ts';
export {
  type DescribedValue,
  describeModel,
  encodeModel,
  type ModelDescription,
  type ModelStamp,
} from './graph/model.ts';
export type { AttributesOf, OperatorName } from './graph/operator.ts';
export { irVersions } from './graph/opset.ts';
export { type Dtype, dtypes, type FloatDtype, type Tensor, tensorOf, valuesOf } from './graph/tensor.ts';
export type { Dimension, Value, ValueType } from './graph/value.ts';
