/** Matrix products as a contender: a step is one product. */

import { z } from 'zod';
import { volume } from '../model/layer.ts';
import { randomStream } from '../model/random.ts';
import { env, InferenceSession, Tensor } from '../node/onnxruntime.ts';
import { takeBurst } from './burst.ts';
import { answerBursts } from './contender-process.ts';
import { productModel } from './matrix-product.ts';

const requestSchema = z.strictObject({
  name: z.string(),
  left: z.array(z.int()),
  right: z.array(z.int()),
  threads: z.int().min(1),
});

const { threads, ...shape } = requestSchema.parse(JSON.parse(process.argv[2] ?? ''));
const random = randomStream(1, 'bench products');
const factorOf = (sizes: readonly number[]) =>
  new Tensor(
    Float32Array.from({ length: volume(sizes) }, () => random.uniform()),
    sizes,
  );
const factors = { left: factorOf(shape.left), right: factorOf(shape.right) };
const session = await InferenceSession.create(productModel(shape).bytes, { intraOpNumThreads: threads });
await answerBursts({ 'onnxruntime-node': env.versions.node ?? 'unknown' }, async (request) => {
  const taken = await takeBurst(async () => {
    await session.run(factors);
  }, request);
  return { ...taken, peakBytes: process.resourceUsage().maxRSS * 1024 };
});
await session.release();
