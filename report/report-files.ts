/** What a run directory holds for people to look at. The files that other parts read are in `model/run-file.ts`. */
import { runFiles } from '../model/run-file.ts';

export const reportFiles = {
  curves: 'curves.svg',
  confusion: 'confusion.svg',
  confusionCounts: 'confusion.csv',
  filters: 'filters.svg',
  samples: 'samples.png',
  page: runFiles.report,
} as const;
