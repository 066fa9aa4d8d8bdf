/** A row of the operator table: what a node of the operator takes and gives. */
import type { Dtype } from './onnx/dtype.ts';
import type { Tensor } from './tensor.ts';
import { graphFault, type Value, type ValueType } from './value.ts';

/** What an attribute's type is in JavaScript. `dtype` is an element type, stored as its integer code. */
interface AttributeValues {
  int: number;
  float: number;
  string: string;
  ints: readonly number[];
  floats: readonly number[];
  tensor: Tensor;
  dtype: Dtype;
}
export type AttributeType = keyof AttributeValues;
export type AttributeValue = AttributeValues[AttributeType];
export type AttributeTypes = Readonly<Record<string, AttributeType>>;

type AttributesOfTypes<R extends AttributeTypes, O extends AttributeTypes> = {
  readonly [A in keyof R]: AttributeValues[R[A]];
} & { readonly [A in keyof O]?: AttributeValues[O[A]] | undefined };

export interface OperatorRow<R extends AttributeTypes, O extends AttributeTypes> {
  /** Fewest and most inputs. */
  readonly inputs: readonly [fewest: number, most: number];
  readonly required: R;
  readonly optional: O;
  outputs(inputs: Inputs, attributes: AttributesOfTypes<R, O>): readonly ValueType[];
}

/** The inputs of a node, which are as many as the row allows. */
export type Inputs = readonly [Value, ...Value[]];

// Both attribute tables are literals at every call, so that attribute names and types are checked where a node is added.
export function row<const R extends AttributeTypes, const O extends AttributeTypes>(
  operatorRow: OperatorRow<R, O>,
): OperatorRow<R, O> {
  return operatorRow;
}

/** The one element type of the values. */
export function commonDtype(values: readonly ValueType[]): Dtype {
  const [dtype, ...others] = new Set(values.map((value) => value.dtype));
  if (dtype === undefined || others.length > 0)
    throw graphFault(`types ${[dtype, ...others].join(' and ')} meet`);
  return dtype;
}

/** The inputs, which must be bool. */
export function expectBool<I extends readonly ValueType[]>(inputs: I): I {
  const dtype = commonDtype(inputs);
  if (dtype !== 'bool') throw graphFault(`expected bool, got ${dtype}`);
  return inputs;
}
