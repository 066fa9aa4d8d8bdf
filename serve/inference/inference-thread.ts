/** A thread that owns onnxruntime sessions: a run holds the thread that asks for it until it is done. */
import { TexturaError } from '../../model/error.ts';
import { graphNames } from '../../model/model-file.ts';
import { inputPx } from '../../model/network.ts';
import { patchBytes } from '../../model/patch.ts';
import { InferenceSession, Tensor } from '../../node/onnxruntime.ts';
import { answerRequests, type ThreadAnswer } from '../../node/supervised-thread.ts';
import { lowerPriority } from '../../node/thread.ts';
import type { InferenceRequest, InferenceResult, SessionSettings } from './inference-lane.ts';

// The threads of a session inherit the priority: all of them make way for the thread that answers requests.
lowerPriority(10);

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

async function openSession(
  bytes: Uint8Array,
  { device, threads, spinMicroseconds }: SessionSettings,
): Promise<InferenceSession> {
  try {
    return await InferenceSession.create(bytes, {
      executionProviders: [device],
      intraOpNumThreads: threads,
      // Between runs nobody spins.
      extra: { session: { force_spinning_stop: '1', intra_op: spinning(spinMicroseconds) } },
      logSeverityLevel: 3,
    });
  } catch (error) {
    throw new TexturaError('model-unusable', `onnxruntime does not load it on ${device}: ${textOf(error)}`);
  }
}

function spinning(microseconds: number): Readonly<Record<string, string>> {
  if (microseconds === 0) return { allow_spinning: '0' };
  return { allow_spinning: '1', spin_duration_us: String(microseconds) };
}

async function run(name: string, patches: Uint8Array | Float32Array): Promise<InferenceResult> {
  const start = performance.now();
  const session = sessions.get(name);
  if (session === undefined) throw new TexturaError('internal', `session ${name}: not loaded`);
  const shape = [patches.length / patchBytes, 1, inputPx, inputPx];
  const values = patches instanceof Float32Array ? patches : new Float32Array(patches);
  const image = new Tensor('float32', values, shape);
  try {
    const results = await session.run({ [graphNames.image]: image }, [graphNames.logits]);
    const logits = new Float32Array(results[graphNames.logits]?.data as Float32Array);
    return { logits, inferMs: performance.now() - start };
  } catch (error) {
    throw new TexturaError('internal', `a run failed: ${textOf(error)}`);
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
