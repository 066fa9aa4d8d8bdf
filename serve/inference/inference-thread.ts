/** A thread that owns onnxruntime sessions: a run holds the thread that asks for it until it is done. */
import { setPriority } from 'node:os';
import { parentPort } from 'node:worker_threads';
import { graphNames } from '../../model/model-file.ts';
import { inputPx } from '../../model/network.ts';
import { patchBytes } from '../../model/patch.ts';
import { InferenceSession, Tensor } from '../../node/onnxruntime.ts';
import type {
  InferenceAnswer,
  InferenceRequest,
  InferenceResult,
  SessionSettings,
} from './inference-lane.ts';

/**
 * On Linux a priority is a thread's own, and the threads of a session have their maker's: those that compute make way for the one that
 * answers, whose work is short and waited for by all.
 */
if (process.platform === 'linux') setPriority(10);

const sessions = new Map<string, InferenceSession>();

parentPort?.on('message', async (request: InferenceRequest) => {
  parentPort?.postMessage(await answerTo(request));
});

async function answerTo(request: InferenceRequest): Promise<InferenceAnswer> {
  const { id } = request;
  try {
    switch (request.kind) {
      case 'load':
        sessions.set(request.session, await openSession(request.bytes, request.settings));
        return { id };
      case 'release':
        await sessions.get(request.session)?.release();
        sessions.delete(request.session);
        return { id };
      case 'run':
        return { id, result: await run(request.session, request.patches) };
    }
  } catch (error) {
    return { id, fault: error instanceof Error ? error.message : String(error) };
  }
}

function openSession(
  bytes: Uint8Array,
  { device, threads, spinMicroseconds }: SessionSettings,
): Promise<InferenceSession> {
  return InferenceSession.create(bytes, {
    executionProviders: [device],
    intraOpNumThreads: threads,
    // Between runs nobody spins.
    extra: { session: { force_spinning_stop: '1', intra_op: spinning(spinMicroseconds) } },
    logSeverityLevel: 3,
  });
}

function spinning(microseconds: number): Readonly<Record<string, string>> {
  if (microseconds === 0) return { allow_spinning: '0' };
  return { allow_spinning: '1', spin_duration_us: String(microseconds) };
}

async function run(name: string, patches: Uint8Array | Float32Array): Promise<InferenceResult> {
  const start = performance.now();
  const session = sessions.get(name);
  if (session === undefined) throw new Error(`session ${name}: not loaded`);
  const shape = [patches.length / patchBytes, 1, inputPx, inputPx];
  const values = patches instanceof Float32Array ? patches : new Float32Array(patches);
  const image = new Tensor('float32', values, shape);
  const results = await session.run({ [graphNames.image]: image }, [graphNames.logits]);
  const logits = new Float32Array(results[graphNames.logits]?.data as Float32Array);
  return { logits, inferMs: performance.now() - start };
}
