/** Element types of ONNX tensors that are used here, with their TensorProto.DataType code and size. */
export const dtypes = {
  float32: { code: 1, bytes: 4 },
  uint8: { code: 2, bytes: 1 },
  int32: { code: 6, bytes: 4 },
  int64: { code: 7, bytes: 8 },
  bool: { code: 9, bytes: 1 },
  float64: { code: 11, bytes: 8 },
} as const satisfies Record<string, { code: number; bytes: number }>;

export type Dtype = keyof typeof dtypes;
