/**
 * Messages of the Open Inference Protocol, version 2 (github.com/kserve/open-inference-protocol), for a model
 * with one float input and two float outputs, with Triton's binary tensor extension.
 */
import { z } from 'zod';
import { problemSchema } from './service.ts';

/** Length in bytes of the JSON that precedes binary tensors in a body. */
export const jsonLengthHeader = 'inference-header-content-length';

const binaryParameters = z.looseObject({
  /** Size of this input's binary data, which follows the JSON. */
  binary_data_size: z.int().min(0).optional(),
  /** Whether to return this output as binary data after the JSON. */
  binary_data: z.boolean().optional(),
});

const inputSchema = z.looseObject({
  name: z.string(),
  shape: z.array(z.int().min(0)).max(8),
  datatype: z.string(),
  parameters: binaryParameters.optional(),
  /** Flat, or nested according to the shape. */
  data: z.array(z.unknown()).optional(),
});

export const inferRequestSchema = z.looseObject({
  id: z.string().max(200).optional(),
  parameters: z.looseObject({ binary_data_output: z.boolean().optional() }).optional(),
  inputs: z.array(inputSchema).min(1).max(16),
  outputs: z
    .array(z.looseObject({ name: z.string(), parameters: binaryParameters.optional() }))
    .max(16)
    .optional(),
});
export type InferRequest = z.infer<typeof inferRequestSchema>;
export type InferInput = z.infer<typeof inputSchema>;

const tensorMetadataSchema = z.strictObject({
  name: z.string(),
  datatype: z.literal('FP32'),
  /** -1 for a dynamic size. */
  shape: z.array(z.int()),
});

export const modelMetadataSchema = z.strictObject({
  name: z.string(),
  versions: z.array(z.string()),
  platform: z.literal('onnxruntime_onnx'),
  inputs: z.array(tensorMetadataSchema),
  outputs: z.array(tensorMetadataSchema),
});
export type ModelMetadata = z.infer<typeof modelMetadataSchema>;

export const inferAnswerSchema = z.strictObject({
  model_name: z.string(),
  model_version: z.string(),
  id: z.string().optional(),
  outputs: z.array(
    z.strictObject({
      name: z.string(),
      datatype: z.literal('FP32'),
      shape: z.array(z.int()),
      data: z.array(z.number()).optional(),
      parameters: z.strictObject({ binary_data_size: z.int() }).optional(),
    }),
  ),
});
export type InferAnswer = z.infer<typeof inferAnswerSchema>;

/** An error with the members of RFC 9457 and the protocol's `error`. */
export const inferProblemSchema = problemSchema.extend({ error: z.string() });

export const serverMetadataSchema = z.strictObject({
  name: z.string(),
  version: z.string(),
  extensions: z.array(z.string()),
});
