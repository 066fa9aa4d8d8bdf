/**
 * The process in which model files are loaded and run before the service loads them: if a file crashes it or
 * fills its memory, the service only sees that the check failed. A request is a line of JSON and so is its
 * answer.
 */
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { faultOf, messageOf, TexturaError } from '../../model/error.ts';
import { selfCheckPatches } from '../../model/self-check.ts';
import { InferenceSession, runPatches } from '../../node/onnxruntime.ts';
import { sha256 } from '../../node/sha256.ts';
import { checkAllowList } from './graph-allow-list.ts';
import { compareWithCheck, requireReportedHash } from './model-check.ts';
import type { SandboxAnswer, SandboxRequest } from './sandbox-check.ts';

async function checkModel({ entry, graphs, check }: SandboxRequest): Promise<void> {
  const patches = selfCheckPatches(check.selfCheck);
  for (const { name, path, sha256: reported } of graphs) {
    const bytes = await readFile(path);
    requireReportedHash(sha256(bytes), reported, name);
    checkAllowList(bytes, name, entry);
    compareWithCheck(await logitsOf(bytes, patches, name), check, name);
  }
}

async function logitsOf(bytes: Uint8Array, patches: Uint8Array, name: string): Promise<Float32Array> {
  try {
    const session = await InferenceSession.create(bytes, { logSeverityLevel: 3 });
    const { logits } = await runPatches(session, patches, ['logits']);
    await session.release();
    return logits;
  } catch (cause) {
    const why = messageOf(cause);
    throw new TexturaError('model-unusable', `${name}: onnxruntime cannot run it: ${why}`, { cause });
  }
}

async function answerTo(line: string): Promise<SandboxAnswer> {
  try {
    await checkModel(JSON.parse(line));
    return { passed: true };
  } catch (error) {
    return { passed: false, ...faultOf(error) };
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(await answerTo(line))}\n`);
}
