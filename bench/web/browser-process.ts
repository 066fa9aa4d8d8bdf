/** The training step in a browser as a contender: a process that drives Chromium. */
import { textureNames } from '../../textures/textures.ts';
import { answerBursts } from '../contender-process.ts';
import { engineRequestSchema } from '../engine-request.ts';
import { openStepBrowser } from './step-browser.ts';

const { variant, batch } = engineRequestSchema.parse(JSON.parse(process.argv[2] ?? ''));
const browser = await openStepBrowser({ variant, batch, classes: textureNames.length });
await answerBursts({ ...browser.versions }, async (request) => {
  const taken = await browser.burst(request);
  return { ...taken, peakBytes: await browser.peakBytes() };
});
await browser.close();
