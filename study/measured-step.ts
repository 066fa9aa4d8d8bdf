/** How long a network's step and evaluation take on this machine, measured in a process of their own. */
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { trainingConfigSchema } from '../model/training-config.ts';
import { runProgram } from '../node/program.ts';
import { computingSchema } from './run-message.ts';

export const measureOrderSchema = z.strictObject({
  config: trainingConfigSchema,
  classes: z.int().min(2),
  computing: computingSchema,
});
export type MeasureOrder = z.infer<typeof measureOrderSchema>;

export const measuredSchema = z.strictObject({
  /** What computed, e.g. `onnx on cpu`. */
  engine: z.string(),
  /** Of one training step on a whole batch. */
  stepSeconds: z.number().positive(),
  /** Of the evaluation of one patch. */
  patchSeconds: z.number().positive(),
});
export type Measured = z.infer<typeof measuredSchema>;

const program = fileURLToPath(new URL('./measure-process.ts', import.meta.url));

/** Undefined where it can't be measured: the run itself will say why. */
export async function measuredStep(order: MeasureOrder): Promise<Measured | undefined> {
  const args = ['--import', import.meta.resolve('tsx'), program, JSON.stringify(order)];
  const { status, stdout } = await runProgram(process.execPath, args);
  return status === 0 ? measuredSchema.parse(JSON.parse(stdout)) : undefined;
}
