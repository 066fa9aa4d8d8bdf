/**
 * Runs in an inference worker: onnxruntime blocks its thread during a run, so sessions live in threads of
 * their own.
 */
import { messageOf, TexturaError } from '../../model/error.ts';
import { classifyPatches, type InferenceSession } from '../../node/onnxruntime.ts';
import { answerRequests, type ThreadAnswer } from '../../node/supervised-thread.ts';
import type { InferenceRequest, InferenceResult } from './inference-worker.ts';
import { openSession } from './session.ts';

const sessions = new Map<string, InferenceSession>();

answerRequests(async (request: InferenceRequest): Promise<ThreadAnswer<InferenceResult | undefined>> => {
  switch (request.kind) {
    case 'load':
      sessions.set(request.session, await openSession(request.bytes, request.settings));
      return { answer: undefined };
    case 'release':
      await sessions.get(request.session)?.release();
      sessions.delete(request.session);
      return { answer: undefined };
    case 'run':
      return { answer: await run(request.session, request.patches) };
  }
});

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
