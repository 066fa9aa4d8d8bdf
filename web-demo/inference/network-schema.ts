/** `textura.network` of an ONNX file, read back: the layers from which the page builds further graphs of the same network. */
import { z } from 'zod';
import type { Layer, LayerKind } from '../../model/layer.ts';
import type { Network } from '../../model/network.ts';

const name = z.string().min(1);
const size = z.int().min(1);

const layerSchemas = {
  standardise: z.strictObject({ kind: z.literal('standardise'), name, varianceFloor: z.number() }),
  subtractMean: z.strictObject({ kind: z.literal('subtractMean'), name, meanGrey: z.number() }),
  convolution: z.strictObject({
    kind: z.literal('convolution'),
    name,
    kernelPx: size,
    filters: size,
    initialDeviation: z.number().optional(),
  }),
  relu: z.strictObject({ kind: z.literal('relu'), name }),
  maxPool: z.strictObject({ kind: z.literal('maxPool'), name, sizePx: size }),
  softmax: z.strictObject({ kind: z.literal('softmax'), name }),
} satisfies { readonly [K in LayerKind]: z.ZodType<unknown> };

const layerSchema: z.ZodType<Layer> = z.discriminatedUnion('kind', [
  layerSchemas.standardise,
  layerSchemas.subtractMean,
  layerSchemas.convolution,
  layerSchemas.relu,
  layerSchemas.maxPool,
  layerSchemas.softmax,
]) as z.ZodType<Layer>;

export const networkSchema: z.ZodType<Network> = z.strictObject({
  name,
  classes: z.int().min(2),
  layers: z.array(layerSchema).min(1),
});
