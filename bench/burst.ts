/** A burst: a contender's turn, some steps of which are measured. Pure: a page takes its turns in the same way. */

/** Low, so that random labels never end in values that are not finite. */
export const benchSettings = { learningRate: 1e-3, momentum: 0.9, weightDecay: 5e-4 } as const;

export interface BurstPlan {
  /** Steps before the measured ones. */
  readonly warmUpSteps: number;
  readonly steps: number;
  /** No further step begins after this long. */
  readonly limitSeconds: number;
}

/** Takes the steps; gives how many were measured and their time. */
export async function takeBurst(
  step: () => Promise<void>,
  { warmUpSteps, steps, limitSeconds }: BurstPlan,
): Promise<{ readonly steps: number; readonly seconds: number }> {
  for (let i = 0; i < warmUpSteps; i++) await step();
  const startedAt = performance.now();
  let [taken, seconds] = [0, 0];
  while (taken < steps && seconds < limitSeconds) {
    await step();
    taken++;
    seconds = (performance.now() - startedAt) / 1000;
  }
  return { steps: taken, seconds };
}
