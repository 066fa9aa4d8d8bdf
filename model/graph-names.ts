/**
 * The inputs and outputs of graphs of patches. Not among the schemas of model files, because a thread that runs
 * a graph starts faster without them.
 */

/** `image` float32 [N,1,64,64], grey 0..255; `probabilities` and `logits` float32 [N,C]; N dynamic. */
export const graphNames = {
  image: 'image',
  logits: 'logits',
  probabilities: 'probabilities',
  /** float32 [N,F,1,1], of graphs that a run's known score is fitted with; not in exported files. */
  features: 'features',
  /** float32 [N,1], in files that distinguish their surfaces from others (known-score.ts). */
  knownScore: 'known_score',
} as const;
export type GraphOutput = Exclude<(typeof graphNames)[keyof typeof graphNames], 'image'>;
