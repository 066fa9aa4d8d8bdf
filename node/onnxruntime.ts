/** onnxruntime-node, with its environment set before it loads. Nothing else imports the package: `onnxruntime.grit` sees to that. */
import './native-environment.ts';

// biome-ignore lint/plugin: the one place
export { env, InferenceSession, listSupportedBackends, Tensor } from 'onnxruntime-node';
