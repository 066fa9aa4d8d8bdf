/** What other parts may use of `export/`: the graph builder and the graphs of a network. Pure: it runs in a page as well. */

export { encodeModel, type ModelStamp } from './graph/encode.ts';
export { addForward, type ForwardOutputs, forwardGraph, type ParameterSource } from './graph/forward.ts';
export {
  createGraph,
  type Graph,
  type GraphContent,
  type GraphNode,
  type GraphSettings,
  type Initializer,
  type Target,
} from './graph/graph.ts';
export { multiplyAddsOf } from './graph/multiply-adds.ts';
export type { AttributesOf, OperatorName } from './graph/operator.ts';
export { irVersions } from './graph/opset.ts';
export { type FloatDtype, type Tensor, tensorOf, valuesOf } from './graph/tensor.ts';
export { throughputGraph } from './graph/throughput.ts';
export { type EvaluationGraphs, evaluationGraphs } from './graph/training-step/evaluation.ts';
export { heldShape } from './graph/training-step/parameter-layout.ts';
export { phasesOf, type StepPhase, stepPhases } from './graph/training-step/phase.ts';
export { type StepGraphSettings, stepNames, trainingStepGraph } from './graph/training-step/step.ts';
export {
  batchValues,
  patchesValue,
  type StepState,
  type StepValue,
  type StepValues,
  settingValues,
  stateOf,
  stateValues,
} from './graph/training-step/step-values.ts';
export { type ToomCook, toomCook } from './graph/training-step/toom-cook.ts';
export type { Dimension, Value, ValueType } from './graph/value.ts';
