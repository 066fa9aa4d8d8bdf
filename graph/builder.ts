/**
 * Builds an ONNX graph node by node, in execution order. Every value has a name and an inferred shape, so a
 * mistake is reported at the node that causes it, and later code can read the shapes.
 *
 *     const graph = createGraph({ name: 'example', opset: 17, float: 'float32' });
 *     const image = graph.input('image', 'float32', ['N', 1, 64, 64]);
 *     const layer = graph.scope('conv1');
 *     const kernel = layer.initializer('kernel', tensor);               // named conv1.kernel
 *     const output = layer.node('Relu', [image], { name: 'output' });   // named conv1.output
 *     graph.output(output);
 */

import { TexturaError } from '../model/error.ts';
import type { Opset } from '../model/model-file.ts';
import type { Dtype } from './onnx/format.ts';
import { type AttributesOf, inferOutputs, type OperatorName, type operators } from './operator.ts';
import { type FloatDtype, sameTensor, type Tensor, tensorHash, tensorOf } from './tensor.ts';
import { type Dimension, graphFault, knownSize, shapeText, type Value, type ValueType } from './value.ts';

/** The devices that a graph can be optimised for: execution providers of onnxruntime. */
export const targets = ['cpu', 'webgpu', 'cuda'] as const;
export type Target = (typeof targets)[number];

export interface GraphSettings {
  readonly name: string;
  readonly opset: Opset;
  /** The type of `floats` and `scalar`. */
  readonly float: FloatDtype;
  /** Default `cpu`. */
  readonly target?: Target;
}

export interface GraphNode {
  readonly name: string;
  readonly operator: OperatorName;
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  readonly attributes: Readonly<Record<string, unknown>>;
}

export interface Initializer {
  readonly name: string;
  readonly tensor: Tensor;
}

/** What has been built so far. */
export interface GraphContent {
  readonly nodes: readonly GraphNode[];
  readonly initializers: readonly Initializer[];
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
}

type NeedsAttributes<O extends OperatorName> = keyof (typeof operators)[O]['required'] extends never
  ? false
  : true;
/**
 * The attributes by their ONNX names, and the value's name within its scope; by default it is named after the
 * operator.
 */
type NodeOptions<O extends OperatorName> = AttributesOf<O> & {
  readonly name?: string;
  /** Names of the outputs of `nodes`. */
  readonly names?: readonly string[];
};
type NodeArguments<O extends OperatorName> =
  NeedsAttributes<O> extends true ? [options: NodeOptions<O>] : [options?: NodeOptions<O>];

export interface Graph extends GraphSettings {
  readonly target: Target;
  /** The same graph, with names that start with `prefix.` (within the names of this scope). */
  scope(prefix: string): Graph;
  input(name: string, dtype: Dtype, shape: readonly Dimension[]): Value;
  /** A value stored in the file under its own name, such as a layer's weights. */
  initializer(name: string, tensor: Tensor): Value;
  /** A value stored in the file; constants of the same content are stored once. */
  constant(tensor: Tensor): Value;
  /** Constant of the graph's float type. */
  floats(values: ArrayLike<number>, shape: readonly number[]): Value;
  /** Constant of the graph's float type without axes. */
  scalar(value: number): Value;
  /** Constant int64 vector: shapes, axes, sizes. */
  integers(values: readonly number[]): Value;
  /** Adds a node with one output. Errors: `internal`, naming the node and the mismatch. */
  node<O extends OperatorName>(operator: O, inputs: readonly Value[], ...rest: NodeArguments<O>): Value;
  /** Adds a node with several outputs, named NAME.0, NAME.1 and so on, unless `names` has other names. */
  nodes<O extends OperatorName>(
    operator: O,
    inputs: readonly Value[],
    ...rest: NodeArguments<O>
  ): readonly Value[];
  /** Reshape: 0 keeps the input's size, one -1 takes the remaining size. */
  reshape(x: Value, shape: readonly number[], name?: string): Value;
  /** ReduceSum over `axes`, which are removed unless `keepsAxes`. */
  sum(x: Value, axes: readonly number[], options?: { keepsAxes?: boolean; name?: string }): Value;
  /** Split along an axis into parts of the given sizes. */
  split(x: Value, axis: number, sizes: readonly number[], name?: string): readonly Value[];
  /** Declares an output of the graph. */
  output(value: Value): void;
  content(): GraphContent;
}

/** An empty graph. */
export function createGraph(settings: GraphSettings): Graph {
  return scopedGraph(settings, newState(), '');
}

interface GraphState {
  readonly nodes: GraphNode[];
  readonly initializers: Initializer[];
  readonly inputs: Value[];
  readonly outputs: Value[];
  readonly values: Map<string, Value>;
  readonly constants: Map<number, { readonly value: Value; readonly tensor: Tensor }[]>;
  readonly counts: Map<string, number>;
}

function newState(): GraphState {
  return {
    nodes: [],
    initializers: [],
    inputs: [],
    outputs: [],
    values: new Map(),
    constants: new Map(),
    counts: new Map(),
  };
}

function scopedGraph(settings: GraphSettings, state: GraphState, prefix: string): Graph {
  const { float, target = 'cpu' } = settings;
  const graph: Graph = {
    ...settings,
    target,
    scope: (inner) => scopedGraph(settings, state, `${prefix}${inner}.`),
    input(name, dtype, shape) {
      const value = declare(state, { name: prefix + name, dtype, shape, constant: undefined });
      state.inputs.push(value);
      return value;
    },
    initializer: (name, tensor) => store(state, prefix + name, tensor),
    constant: (tensor) => storeOnce(state, tensor),
    floats: (values, shape) => graph.constant(tensorOf(float, shape, values)),
    scalar: (value) => graph.floats([value], []),
    integers: (values) => graph.constant(tensorOf('int64', [values.length], values)),
    node(operator, inputs, ...[options]) {
      const [value, ...others] = addNode(state, prefix, operator, inputs, options);
      if (value === undefined || others.length > 0) {
        throw graphFault(`${operator} has ${others.length + 1} outputs here: use nodes`);
      }
      return value;
    },
    nodes: (operator, inputs, ...[options]) => addNode(state, prefix, operator, inputs, options),
    reshape: (x, shape, name) => graph.node('Reshape', [x, graph.integers(shape)], optionalName(name)),
    sum: (x, axes, { keepsAxes = false, name } = {}) =>
      graph.node('ReduceSum', [x, graph.integers(axes)], {
        keepdims: keepsAxes ? 1 : 0,
        ...optionalName(name),
      }),
    split: (x, axis, sizes, name) =>
      graph.nodes('Split', [x, graph.integers(sizes)], { axis, ...optionalName(name) }),
    output(value) {
      expectOwn(state, value);
      state.outputs.push(value);
    },
    content: () => ({
      nodes: [...state.nodes],
      initializers: [...state.initializers],
      inputs: [...state.inputs],
      outputs: [...state.outputs],
    }),
  };
  return graph;
}

function optionalName(name: string | undefined): { readonly name?: string } {
  return name === undefined ? {} : { name };
}

function addNode<O extends OperatorName>(
  state: GraphState,
  prefix: string,
  operator: O,
  inputs: readonly Value[],
  options: NodeOptions<O> | undefined,
): readonly Value[] {
  const { name: ownName, names, ...attributes } = (options ?? {}) as Pick<NodeOptions<O>, 'name' | 'names'>;
  const name = prefix + (ownName ?? numbered(state, `${prefix}${operator}`, operator));
  for (const input of inputs) expectOwn(state, input);
  const types = inferred(name, operator, inputs, attributes as AttributesOf<O>);
  const outputs = types.map(({ dtype, shape }, i) =>
    declare(state, {
      name: names?.[i] !== undefined ? prefix + names[i] : types.length === 1 ? name : `${name}.${i}`,
      dtype,
      shape,
      constant: undefined,
    }),
  );
  state.nodes.push({ name, operator, inputs, outputs, attributes });
  return outputs;
}

function inferred<O extends OperatorName>(
  name: string,
  operator: O,
  inputs: readonly Value[],
  attributes: AttributesOf<O>,
) {
  try {
    return inferOutputs(operator, inputs, attributes);
  } catch (cause) {
    if (!(cause instanceof TexturaError)) throw cause;
    const given = inputs.map((input) => `${input.name} ${shapeText(input.shape)}`).join(', ');
    throw new TexturaError('internal', `${name} = ${operator}(${given}): ${cause.message}`, { cause });
  }
}

function declare(state: GraphState, value: Value): Value {
  if (state.values.has(value.name)) throw graphFault(`the name ${value.name} is taken`);
  state.values.set(value.name, value);
  return value;
}

function store(state: GraphState, name: string, tensor: Tensor): Value {
  const { dtype, shape } = tensor;
  const value = declare(state, { name, dtype, shape, constant: tensor });
  state.initializers.push({ name, tensor });
  return value;
}

function storeOnce(state: GraphState, tensor: Tensor): Value {
  const hash = tensorHash(tensor);
  const alike = state.constants.get(hash) ?? [];
  const known = alike.find((stored) => sameTensor(stored.tensor, tensor));
  if (known !== undefined) return known.value;
  const value = store(state, numbered(state, 'constant', 'constant'), tensor);
  state.constants.set(hash, [...alike, { value, tensor }]);
  return value;
}

/** `name` with the next number of its counter: Reshape.1, Reshape.2. */
function numbered(state: GraphState, counter: string, name: string): string {
  const count = (state.counts.get(counter) ?? 0) + 1;
  state.counts.set(counter, count);
  return `${name}.${count}`;
}

function expectOwn(state: GraphState, value: Value): void {
  if (state.values.get(value.name) !== value) throw graphFault(`${value.name} is not a value of this graph`);
}

/** Multiply-adds of a node whose sizes are all known. Only matrix products count. */
export function multiplyAddsOf({ operator, inputs: [left], outputs: [product] }: GraphNode): number {
  if (operator !== 'MatMul' || left === undefined || product === undefined) return 0;
  return volumeOf(product) * knownSize(left.shape.at(-1), 'the inner size of a product');
}

function volumeOf({ shape }: ValueType): number {
  return shape.reduce<number>((count, size) => count * knownSize(size, 'a size of a product'), 1);
}
