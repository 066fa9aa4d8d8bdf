/** Versions of the ONNX format. */
import type { Opset } from '../model/model-file.ts';

/**
 * The lowest IR version of a file that imports this version of ai.onnx, so that older runtimes still load it (onnx.ai,
 * "ONNX Versioning", released versions: 1.8 to 1.16).
 */
export const irVersions: { readonly [V in Opset]: number } = {
  13: 7,
  14: 7,
  15: 8,
  16: 8,
  17: 8,
  18: 8,
  19: 9,
  20: 9,
  21: 10,
};
