/** From the answers to the patches of the validation grid to one record for each photograph. */
import { meanRow, rankOf, topClasses } from '../../model/scores.ts';
import type { ValidatedImage } from '../../model/validation-file.ts';
import type { DatasetImage } from '../data/dataset.ts';
import type { GridPatch } from '../data/plan.ts';

export interface GridAnswers {
  /** Class index of each patch. */
  readonly labels: Int32Array;
  /** `[patches, classes]`. */
  readonly logits: Float32Array;
}

/** `grid` has the patches of the answers in their order, image after image. */
export function validatedImages(
  { labels, logits }: GridAnswers,
  names: readonly string[],
  grid: readonly GridPatch[],
  images: readonly DatasetImage[],
): readonly ValidatedImage[] {
  const classes = names.length;
  const validated: ValidatedImage[] = [];
  for (let start = 0, end = 0; start < grid.length; start = end) {
    const image = grid[start]?.image as number;
    while (grid[end]?.image === image) end++;
    const label = labels[start] as number;
    const rows = logits.subarray(start * classes, end * classes);
    const ranks = Array.from({ length: end - start }, (_, i) =>
      rankOf(rows.subarray(i * classes, (i + 1) * classes), label),
    );
    const [prediction = 0] = topClasses(meanRow(rows, classes), 1);
    validated.push({
      image: (images[image] as DatasetImage).name,
      label: names[label] as string,
      patches: ranks.length,
      wrong: ranks.filter((rank) => rank >= 1).length,
      top5_wrong: ranks.filter((rank) => rank >= 5).length,
      photograph_prediction: names[prediction] as string,
    });
  }
  return validated;
}
