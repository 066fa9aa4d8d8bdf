/** What an answer says: the probabilities of the classes, and whether the picture shows one of them. */
import { meanProbabilities } from '../../../model/calibration.ts';
import { photographMargin } from '../../../model/known-score.ts';
import type { Answer, LoadedModel } from '../../shared/inference-api.ts';

export interface AnswerScores {
  readonly probabilities: Float32Array;
  /** Negative if the picture shows none of the classes; undefined if the model cannot tell. */
  readonly margin: number | undefined;
}

export function scoresOf(answer: Answer, { labels, temperatures, known }: LoadedModel): AnswerScores {
  return {
    probabilities: meanProbabilities(answer.logits, labels.length, temperatures),
    margin: photographMargin(answer, labels.length, known),
  };
}
