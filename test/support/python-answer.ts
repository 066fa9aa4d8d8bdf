/** Runs an exported file in Python with onnxruntime and numpy, in an environment that is created once. */
import { fileURLToPath } from 'node:url';
import { pythonEnvironment } from '../../bench/peer/interpreter.ts';
import { cacheFolder } from '../../node/cache-folder.ts';
import { runProgram } from '../../node/program.ts';
import { temporaryFolder } from './temporary-folder.ts';

const script = `
import json, sys, numpy, onnxruntime
session = onnxruntime.InferenceSession(sys.argv[1] + '/model.onnx')
patches = numpy.fromfile(sys.argv[1] + '/patches', dtype=numpy.uint8).reshape(-1, 1, 64, 64).astype(numpy.float32)
probabilities, = session.run(['probabilities'], {'image': patches})
labels = json.loads(session.get_modelmeta().custom_metadata_map['textura.labels'])
print(json.dumps({'labels': labels, 'probabilities': probabilities.ravel().tolist()}))
`;

interface PythonAnswer {
  readonly labels: readonly string[];
  /** `[count,C]`. */
  readonly probabilities: readonly number[];
}

/**
 * The outputs of Python's onnxruntime for patches `[count,64,64]`, or why it is not available on this
 * machine.
 */
export async function pythonAnswer(
  model: Uint8Array,
  patches: Uint8Array,
): Promise<PythonAnswer | { readonly missing: string }> {
  const environment = await pythonEnvironment({
    purpose: 'interop',
    requirements: fileURLToPath(new URL('../export/interop/requirements.txt', import.meta.url)),
    cache: cacheFolder(),
  });
  if ('missing' in environment) return environment;
  const folder = await temporaryFolder({ 'model.onnx': model, patches });
  const { status, stdout, stderr } = await runProgram(environment.python, ['-c', script, folder]);
  if (status !== 0) throw new Error(`Python's onnxruntime: status ${status}\n${stderr}`);
  return JSON.parse(stdout);
}
