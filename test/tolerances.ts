/** Every tolerance of the tests, each with its reason. */
export const tolerances = {
  /** Probabilities of one network in two float32 runtimes that sum in different orders; DESIGN's bound for an export. */
  probability: 1e-4,
} as const;
