/**
 * The operators of ai.onnx that the graphs use: the attributes of each with their types (JavaScript cannot
 * distinguish 1.0 from 1), the number of inputs, and the types of the outputs. A row is valid for opsets 13
 * to 21; attributes that became inputs in between (such as the axes of ReduceMean) are omitted. To add an
 * operator, add a row.
 */
import type { Dtype } from './onnx/format.ts';
import {
  broadcastShapes,
  concatShape,
  constantIntegers,
  gatherShape,
  matMulShape,
  padShape,
  reduceShape,
  reshapeShape,
  sliceShape,
  slideShape,
  splitShapes,
  transposeShape,
} from './shape-inference.ts';
import { axisOf, graphFault, product, shapeText, type Value, type ValueType } from './value.ts';

/** JavaScript types of the attribute types. `dtype` is an element type, stored as its integer code. */
interface AttributeValues {
  int: number;
  string: string;
  ints: readonly number[];
  dtype: Dtype;
  graph: Subgraph;
}

/** A graph that a node runs, such as the body of a loop; the builder's content of a graph. */
interface Subgraph {
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
}

export type AttributeType = keyof AttributeValues;
type AttributeValue = AttributeValues[AttributeType];
type AttributeTypes = Readonly<Record<string, AttributeType>>;

type AttributesOfTypes<R extends AttributeTypes, O extends AttributeTypes> = {
  readonly [A in keyof R]: AttributeValues[R[A]];
} & { readonly [A in keyof O]?: AttributeValues[O[A]] | undefined };

interface OperatorRow<R extends AttributeTypes, O extends AttributeTypes> {
  /** Minimum and maximum number of inputs. */
  readonly inputs: readonly [fewest: number, most: number];
  readonly required: R;
  readonly optional: O;
  outputs(inputs: Inputs, attributes: AttributesOfTypes<R, O>): readonly ValueType[];
}

/** The inputs of a node; their number is within the row's limits. */
type Inputs = readonly [Value, ...Value[]];

// `const` keeps the literal types, so that attribute names and types are checked where a node is added.
function row<const R extends AttributeTypes, const O extends AttributeTypes>(
  operatorRow: OperatorRow<R, O>,
): OperatorRow<R, O> {
  return operatorRow;
}

/** The common element type of the values. */
function commonDtype(values: readonly ValueType[]): Dtype {
  const [dtype, ...others] = new Set(values.map((value) => value.dtype));
  if (dtype === undefined || others.length > 0)
    throw graphFault(`types ${[dtype, ...others].join(' and ')} meet`);
  return dtype;
}

/** The inputs, which must be bool. */
function expectBool<I extends readonly ValueType[]>(inputs: I): I {
  const dtype = commonDtype(inputs);
  if (dtype !== 'bool') throw graphFault(`expected bool, got ${dtype}`);
  return inputs;
}

const none = {} as const;
const like = ({ dtype }: ValueType, shape: ValueType['shape']): readonly ValueType[] => [{ dtype, shape }];

const elementwise = row({
  inputs: [2, 2],
  required: none,
  optional: none,
  outputs: (inputs) => [{ dtype: commonDtype(inputs), shape: broadcastShapes(inputs.map(shapeOf)) }],
});
const variadic = row({ ...elementwise, inputs: [1, Number.POSITIVE_INFINITY] });
const comparison = row({
  ...elementwise,
  outputs: (inputs) => {
    commonDtype(inputs);
    return [{ dtype: 'bool', shape: broadcastShapes(inputs.map(shapeOf)) }];
  },
});
const logical = row({ ...elementwise, outputs: (inputs) => elementwise.outputs(expectBool(inputs), {}) });
const unary = row({ ...elementwise, inputs: [1, 1], outputs: ([x]) => like(x, x.shape) });
const alongAxis = row({
  inputs: [1, 1],
  required: { axis: 'int' },
  optional: none,
  outputs: ([x], { axis }) => {
    axisOf(axis, x.shape.length);
    return like(x, x.shape);
  },
});
const windowed = {
  required: { kernel_shape: 'ints', strides: 'ints', pads: 'ints' },
  optional: { dilations: 'ints' },
} as const;

export const operators = {
  Add: elementwise,
  Sub: elementwise,
  Mul: elementwise,
  Div: elementwise,
  Max: variadic,
  Equal: comparison,
  Greater: comparison,
  GreaterOrEqual: comparison,
  And: logical,
  Not: row({ ...unary, outputs: (inputs) => unary.outputs(expectBool(inputs), {}) }),
  Identity: unary,
  Relu: unary,
  Sqrt: unary,
  Softmax: alongAxis,
  // Inputs are the value, the scale and the zero point; the scale is one number, or one for each index of `axis`.
  QuantizeLinear: row({
    inputs: [3, 3],
    required: none,
    optional: { axis: 'int' },
    outputs: ([x, , zero = x]) => [{ dtype: zero.dtype, shape: x.shape }],
  }),
  DequantizeLinear: row({
    inputs: [2, 3],
    required: none,
    optional: { axis: 'int' },
    outputs: ([x, scale = x]) => [{ dtype: scale.dtype, shape: x.shape }],
  }),
  Cast: row({
    inputs: [1, 1],
    required: { to: 'dtype' },
    optional: none,
    outputs: ([x], { to }) => [{ dtype: to, shape: x.shape }],
  }),
  MatMul: row({
    ...elementwise,
    outputs: (inputs) => {
      const [a, b = a] = inputs;
      return [{ dtype: commonDtype(inputs), shape: matMulShape(a.shape, b.shape) }];
    },
  }),
  Conv: row({
    inputs: [2, 3],
    required: { ...windowed.required, dilations: 'ints', group: 'int' },
    optional: none,
    outputs: (inputs, { kernel_shape, strides, pads, dilations, group }) => {
      const [x, kernel = x, bias] = inputs;
      const [n = 1, channels, ...spatial] = x.shape;
      const [filters = 1, kernelChannels, ...size] = kernel.shape;
      const fits = typeof kernelChannels === 'number' && kernelChannels * group === channels;
      const biasFits = bias === undefined || shapeText(bias.shape) === shapeText([filters]);
      if (!fits || !biasFits || shapeText(size) !== shapeText(kernel_shape)) {
        throw graphFault(`${inputs.map((v) => shapeText(v.shape)).join(', ')} and window [${kernel_shape}]`);
      }
      const slid = slideShape(spatial, { size: kernel_shape, strides, pads, dilations });
      return [{ dtype: commonDtype(inputs), shape: [n, filters, ...slid] }];
    },
  }),
  MaxPool: row({
    inputs: [1, 1],
    ...windowed,
    outputs: ([x], { kernel_shape, strides, pads, dilations = kernel_shape.map(() => 1) }) => {
      const [n = 1, channels = 1, ...spatial] = x.shape;
      const slid = slideShape(spatial, { size: kernel_shape, strides, pads, dilations });
      return like(x, [n, channels, ...slid]);
    },
  }),
  AveragePool: row({
    inputs: [1, 1],
    required: windowed.required,
    optional: none,
    outputs: ([x], { kernel_shape, strides, pads }) => {
      const [n = 1, channels = 1, ...spatial] = x.shape;
      const slid = slideShape(spatial, { size: kernel_shape, strides, pads, dilations: [1, 1] });
      return like(x, [n, channels, ...slid]);
    },
  }),
  GlobalAveragePool: row({
    ...unary,
    outputs: ([x]) => {
      const [n = 1, channels = 1, ...spatial] = x.shape;
      return like(x, [n, channels, ...spatial.map(() => 1)]);
    },
  }),
  Flatten: row({
    inputs: [1, 1],
    required: { axis: 'int' },
    optional: none,
    outputs: ([x], { axis }) => like(x, [product(x.shape.slice(0, axis)), product(x.shape.slice(axis))]),
  }),
  Reshape: row({
    ...elementwise,
    outputs: ([x, shape = x]) => like(x, reshapeShape(x.shape, constantIntegers(shape, 'the shape'))),
  }),
  Transpose: row({
    inputs: [1, 1],
    required: { perm: 'ints' },
    optional: none,
    outputs: ([x], { perm }) => like(x, transposeShape(x.shape, perm)),
  }),
  Concat: row({
    inputs: [1, Number.POSITIVE_INFINITY],
    required: { axis: 'int' },
    optional: none,
    outputs: (inputs, { axis }) => [
      { dtype: commonDtype(inputs), shape: concatShape(inputs.map(shapeOf), axis) },
    ],
  }),
  Split: row({
    inputs: [2, 2],
    required: { axis: 'int' },
    optional: none,
    outputs: ([x, sizes = x], { axis }) =>
      splitShapes(x.shape, axis, constantIntegers(sizes, 'the sizes')).map((shape) => ({
        dtype: x.dtype,
        shape,
      })),
  }),
  Gather: row({
    inputs: [2, 2],
    required: { axis: 'int' },
    optional: none,
    outputs: ([x, indices = x], { axis }) => like(x, gatherShape(x.shape, indices.shape, axis)),
  }),
  Slice: row({
    inputs: [4, 4],
    required: none,
    optional: none,
    outputs: ([x, starts = x, ends = x, axes = x]) =>
      like(
        x,
        sliceShape(
          x.shape,
          constantIntegers(starts, 'the starts'),
          constantIntegers(ends, 'the ends'),
          constantIntegers(axes, 'the axes'),
        ),
      ),
  }),
  Pad: row({
    inputs: [2, 3],
    required: { mode: 'string' },
    optional: none,
    outputs: ([x, pads = x]) => like(x, padShape(x.shape, constantIntegers(pads, 'the pads'))),
  }),
  // The body's first inputs and outputs are the state, which a step passes to the next. The other inputs are
  // slices of the node's inputs along their first axis, and the other outputs are stacked along a new one.
  Scan: row({
    inputs: [1, Number.POSITIVE_INFINITY],
    required: { body: 'graph', num_scan_inputs: 'int' },
    optional: none,
    outputs: (inputs, { body, num_scan_inputs }) => {
      const states = inputs.length - num_scan_inputs;
      const steps = inputs[states]?.shape[0];
      if (steps === undefined) throw graphFault('expected one or more scanned inputs');
      const slices = inputs.map(({ dtype, shape }, i) => ({
        dtype,
        shape: i < states ? shape : shape.slice(1),
      }));
      const typesOf = (values: readonly ValueType[]) =>
        values.map(({ dtype, shape }) => `${dtype} ${shapeText(shape)}`).join(', ');
      const [given, expected] = [typesOf(slices), typesOf(body.inputs)];
      if (given !== expected) throw graphFault(`the body expects ${expected}, got ${given}`);
      const [before, after] = [typesOf(slices.slice(0, states)), typesOf(body.outputs.slice(0, states))];
      if (before !== after) throw graphFault(`the state ${before} becomes ${after}`);
      return body.outputs.map(({ dtype, shape }, i) => ({
        dtype,
        shape: i < states ? shape : [steps, ...shape],
      }));
    },
  }),
  ReduceSum: row({
    inputs: [2, 2],
    required: { keepdims: 'int' },
    optional: none,
    outputs: ([x, axes = x], { keepdims }) =>
      like(x, reduceShape(x.shape, constantIntegers(axes, 'the axes'), keepdims === 1)),
  }),
} as const;

export type OperatorName = keyof typeof operators;

/** The attributes of an operator by their ONNX names. */
export type AttributesOf<O extends OperatorName> = Parameters<(typeof operators)[O]['outputs']>[1];

/** Types of all attributes of an operator. */
export function attributeTypesOf(operator: OperatorName): AttributeTypes {
  const { required, optional } = operators[operator];
  return { ...required, ...optional };
}

/** Types of a node's outputs. Errors: `internal`, naming the mismatch. */
export function inferOutputs<O extends OperatorName>(
  operator: O,
  inputs: readonly Value[],
  attributes: AttributesOf<O>,
): readonly ValueType[] {
  // The type of `attributes` matches the row of `operator`; TypeScript cannot infer the correlation.
  const { inputs: range, outputs } = operators[operator] as unknown as OperatorRow<
    AttributeTypes,
    AttributeTypes
  >;
  const [first, ...others] = inputs;
  if (first === undefined || inputs.length < range[0] || inputs.length > range[1]) {
    throw graphFault(`expected ${range[0]} to ${range[1]} inputs, got ${inputs.length}`);
  }
  return outputs([first, ...others], attributes as Readonly<Record<string, AttributeValue>>);
}

function shapeOf({ shape }: ValueType): ValueType['shape'] {
  return shape;
}
