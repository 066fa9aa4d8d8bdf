/**
 * onnxruntime-node, with its environment set before it loads and its CUDA libraries found before a session
 * uses them (nothing else imports the package: `onnxruntime.grit` refuses it), and the one way to run an
 * exported model on patches.
 */
import './native-environment.ts';
// biome-ignore lint/plugin: the one place
import { InferenceSession as Session, Tensor } from 'onnxruntime-node';
import { graphNames } from '../model/graph-names.ts';
import { inputPx, patchBytes } from '../model/patch.ts';
import { prepareCuda } from './cuda-libraries.ts';

// biome-ignore lint/plugin: the one place
export { env, listSupportedBackends, Tensor } from 'onnxruntime-node';

export type InferenceSession = Session;
/** The tensors that a run returns, by name. */
export type SessionOutputs = Session.ReturnType;
export type SessionOptions = Session.SessionOptions;

export const InferenceSession = {
  /** Opens `model`, a file's path or its bytes. If CUDA is asked for, its libraries are loaded first. */
  async create(model: string | Uint8Array, options: Session.SessionOptions = {}): Promise<Session> {
    const problems = asksForCuda(options) ? prepareCuda() : [];
    try {
      return typeof model === 'string'
        ? await Session.create(model, options)
        : await Session.create(model, options);
    } catch (error) {
      if (!(error instanceof Error) || problems.length === 0) throw error;
      throw new Error(`${error.message}. ${problems.join('; ')}`, { cause: error });
    }
  },
};

function asksForCuda({ executionProviders = [] }: Session.SessionOptions): boolean {
  return executionProviders.some(
    (provider) => (typeof provider === 'string' ? provider : provider.name) === 'cuda',
  );
}

/**
 * Runs patches `[count,64,64]`, grey 0..255, and copies the wanted outputs `[count,...]` out of onnxruntime's
 * memory.
 */
export async function runPatches<Output extends string>(
  session: InferenceSession,
  patches: Uint8Array | Float32Array,
  outputs: readonly Output[],
): Promise<Readonly<Record<Output, Float32Array>>> {
  const values = patches instanceof Float32Array ? patches : new Float32Array(patches);
  const image = new Tensor('float32', values, [patches.length / patchBytes, 1, inputPx, inputPx]);
  const results = await session.run({ [graphNames.image]: image }, outputs);
  const copies = outputs.map(
    (name) => [name, new Float32Array(results[name]?.data as Float32Array)] as const,
  );
  return Object.fromEntries(copies) as Record<Output, Float32Array>;
}

/** What a classification needs of each patch. */
export interface PatchOutputs {
  /** `[count,C]`. */
  readonly logits: Float32Array;
  /** `[count]`, if the file has known scores. */
  readonly knownScores?: Float32Array;
}

/** Runs patches `[count,64,64]`, grey 0..255. */
export async function classifyPatches(
  session: InferenceSession,
  patches: Uint8Array | Float32Array,
): Promise<PatchOutputs> {
  if (!session.outputNames.includes(graphNames.knownScore)) return runPatches(session, patches, ['logits']);
  const outputs = await runPatches(session, patches, ['logits', 'known_score']);
  return { logits: outputs.logits, knownScores: outputs.known_score };
}
