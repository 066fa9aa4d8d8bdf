/**
 * The yardstick of the machine itself: matrix products in onnxruntime. A training step cannot multiply faster than that, whatever
 * its algorithm.
 */
import { createGraph, multiplyAddsOf } from '../graph/builder.ts';
import { encodeModel } from '../graph/encode.ts';

export interface ProductShape {
  readonly name: string;
  readonly left: readonly number[];
  readonly right: readonly number[];
}

/** Large and square: what the machine can do. */
export const squareProduct: ProductShape = {
  name: '1536 x 1536 by 1536 x 1536',
  left: [1536, 1536],
  right: [1536, 1536],
};

/** Conv3 of the reference in 2 x 2 tiles of 8 x 8 places: many products that are narrow and shallow, as most of a step is. */
export function stepProduct(batch: number): ProductShape {
  return {
    name: `256 times 500 x 50 by 50 x ${batch}, as in conv3`,
    left: [1, 8, 1, 8, 500, 50],
    right: [2, 8, 2, 8, 50, batch],
  };
}

export interface ProductModel {
  readonly bytes: Uint8Array;
  readonly multiplyAdds: number;
}

/** The product as an ONNX file with inputs `left` and `right` and the output `product`. */
export function productModel({ left, right }: ProductShape): ProductModel {
  const graph = createGraph({ name: 'product', opset: 17, float: 'float32' });
  const factors = [graph.input('left', 'float32', left), graph.input('right', 'float32', right)];
  graph.output(graph.node('MatMul', factors, { name: 'product' }));
  const multiplyAdds = graph.content().nodes.reduce((sum, node) => sum + multiplyAddsOf(node), 0);
  return {
    bytes: encodeModel(graph, { producerName: 'textura', producerVersion: '', metadata: {} }),
    multiplyAdds,
  };
}
