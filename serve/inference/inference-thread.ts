/**
 * Runs in an inference worker: onnxruntime blocks its thread during a run, so sessions live in threads of
 * their own.
 */
import { messageOf, TexturaError } from '../../model/error.ts';
import { classifyPatches, InferenceSession } from '../../node/onnxruntime.ts';
import { answerRequests, type ThreadAnswer } from '../../node/supervised-thread.ts';
import { lowerPriority } from '../../node/thread.ts';
import {
  type InferenceRequest,
  type InferenceResult,
  type SessionSettings,
  serviceNiceness,
} from './inference-worker.ts';

const sessions = new Map<string, InferenceSession>();

answerRequests(async (request: InferenceRequest): Promise<ThreadAnswer<InferenceResult | undefined>> => {
  switch (request.kind) {
    case 'load':
      sessions.set(request.session, await createSession(request.bytes, request.settings));
      return { answer: undefined };
    case 'release':
      await sessions.get(request.session)?.release();
      sessions.delete(request.session);
      return { answer: undefined };
    case 'run':
      return { answer: await run(request.session, request.patches) };
  }
});

async function createSession(
  bytes: Uint8Array,
  { device, threads, niceness = serviceNiceness }: SessionSettings,
): Promise<InferenceSession> {
  // The threads of a session inherit the priority.
  lowerPriority(niceness);
  try {
    return await InferenceSession.create(bytes, {
      executionProviders: [device],
      intraOpNumThreads: threads,
      // Idle threads would spin and take the cores from decoding and answering.
      extra: { session: { intra_op: { allow_spinning: '0' } } },
      logSeverityLevel: 3,
    });
  } catch (error) {
    throw new TexturaError('model-unusable', `onnxruntime cannot load it on ${device}: ${messageOf(error)}`);
  }
}

async function run(name: string, patches: Uint8Array | Float32Array): Promise<InferenceResult> {
  const start = performance.now();
  const session = sessions.get(name);
  if (session === undefined) throw new TexturaError('internal', `session ${name} is not loaded`);
  try {
    return { ...(await classifyPatches(session, patches)), inferMs: performance.now() - start };
  } catch (error) {
    throw new TexturaError('internal', `a run failed: ${messageOf(error)}`);
  }
}
