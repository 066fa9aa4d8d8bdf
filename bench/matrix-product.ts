/**
 * Matrix multiplications in onnxruntime: the upper bound of a training step on a machine, because almost
 * all of a step's arithmetic is matrix multiplication.
 */
import { createGraph, type Graph, multiplyAddsOf } from '../graph/builder.ts';
import { encodeModel } from '../graph/encode.ts';

interface ProductShape {
  readonly name: string;
  readonly left: readonly number[];
  readonly right: readonly number[];
}

/** Large and square: the fastest case. */
export const squareProduct: ProductShape = {
  name: '1536 x 1536 by 1536 x 1536',
  left: [1536, 1536],
  right: [1536, 1536],
};

/** Conv3 of the reference in 2 x 2 tiles of 8 x 8 positions: many small products, as in most layers. */
export function stepProduct(batch: number): ProductShape {
  return {
    name: `256 times 500 x 50 by 50 x ${batch}, as in conv3`,
    left: [1, 8, 1, 8, 500, 50],
    right: [2, 8, 2, 8, 50, batch],
  };
}

interface ProductModel {
  readonly bytes: Uint8Array;
  readonly multiplyAdds: number;
}

/** The product as an ONNX file with inputs `left` and `right` and the output `product`. */
export function productModel({ left, right }: Omit<ProductShape, 'name'>): ProductModel {
  const graph = createGraph({ name: 'product', opset: 17, float: 'float32' });
  const factors = [graph.input('left', 'float32', left), graph.input('right', 'float32', right)];
  graph.output(graph.node('MatMul', factors, { name: 'product' }));
  return {
    bytes: encodeModel(graph, { producerName: 'textura', producerVersion: '', metadata: {} }),
    multiplyAdds: graphMultiplyAdds(graph),
  };
}

/** Multiply-adds of all matrix products of a graph. */
export function graphMultiplyAdds(graph: Graph): number {
  return graph.content().nodes.reduce((sum, node) => sum + multiplyAddsOf(node), 0);
}
