/** What an answer says: the probabilities of the classes, and whether the picture shows one of them. */
import { meanProbabilities } from '../../../model/calibration.ts';
import { knownMargin } from '../../../model/known-score.ts';
import { meanRow, softmaxRows } from '../../../model/scores.ts';
import type { Answer, LoadedModel } from '../../shared/inference-api.ts';

export interface Scores {
  readonly probabilities: Float32Array;
  /** Negative if the picture shows none of the classes; undefined if the model cannot tell. */
  readonly margin: number | undefined;
}

export function scoresOf(answer: Answer, { labels, temperatures, known }: LoadedModel): Scores {
  const { logits, knownScores } = answer;
  const probabilities = meanProbabilities(logits, labels.length, temperatures);
  if (known === undefined || knownScores === undefined) return { probabilities, margin: undefined };
  const plain = softmaxRows(meanRow(logits, labels.length), labels.length);
  return { probabilities, margin: knownMargin(Math.max(...plain), knownScores, known) };
}
