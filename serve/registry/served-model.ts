/** A model that answers: what it says about itself, where it is computed, and its files. */
import type { ModelIndex } from '../../model/model-file.ts';
import type { ModelSessions } from '../inference/batcher.ts';
import type { InferenceDevice } from '../inference/inference-lane.ts';
import type { FileState } from './model-folder.ts';

type IndexEntry = ModelIndex['models'][number];

export interface ServedModel extends Omit<IndexEntry, 'files' | 'report'> {
  /** As it stands in the folder's index. */
  readonly entry: IndexEntry;
  readonly device: InferenceDevice;
  readonly sessions: ModelSessions;
  /** Files that may be downloaded, by name. */
  readonly files: ReadonlyMap<string, FileState>;
}
