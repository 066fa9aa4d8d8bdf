/**
 * The process in which model files are tried before the service loads them: whatever they do to it, the service only sees that they
 * failed. A line of JSON is a request, a line of JSON its answer.
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { TexturaError } from '../../model/error.ts';
import { graphNames } from '../../model/model-file.ts';
import { inputPx } from '../../model/network.ts';
import { patchBytes } from '../../model/patch.ts';
import { InferenceSession, Tensor } from '../../node/onnxruntime.ts';
import { inspectModel } from './inspection.ts';
import { decodeRequest, type ProbationAnswer, type ProbationRequest } from './probation.ts';
import { compareWithCheck } from './self-check.ts';

async function tryModel({ entry, graphs, check }: ProbationRequest): Promise<void> {
  for (const { name, path, sha256 } of graphs) {
    const bytes = await readFile(path);
    if (createHash('sha256').update(bytes).digest('hex') !== sha256) {
      throw new TexturaError('file-damaged', `${name}: its SHA-256 is not the one in its report`);
    }
    inspectModel(bytes, name, entry);
    compareWithCheck(await logitsOf(bytes, check.patches, name), check, name);
  }
}

async function logitsOf(bytes: Uint8Array, patches: Uint8Array, name: string): Promise<Float32Array> {
  const shape = [patches.length / patchBytes, 1, inputPx, inputPx];
  const image = new Tensor('float32', new Float32Array(patches), shape);
  try {
    const session = await InferenceSession.create(bytes, { logSeverityLevel: 3 });
    const results = await session.run({ [graphNames.image]: image }, [graphNames.logits]);
    await session.release();
    return results[graphNames.logits]?.data as Float32Array;
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new TexturaError('model-unusable', `${name}: onnxruntime does not run it: ${why}`, { cause });
  }
}

async function answerTo(line: string): Promise<ProbationAnswer> {
  try {
    await tryModel(decodeRequest(line));
    return { passed: true };
  } catch (error) {
    if (error instanceof TexturaError) return { passed: false, code: error.code, message: error.message };
    return { passed: false, code: 'internal', message: String(error) };
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(await answerTo(line))}\n`);
}
