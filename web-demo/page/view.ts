/** What the four views have in common: a panel beside the picture that reads it when it is shown. */
import type { Signal } from './dom/signal.ts';
import type { Inference } from './inference/inference.ts';
import type { ListedModel } from './inference/model-list.ts';
import type { PictureReader } from './stage/capture.ts';
import type { Picture, Stage } from './stage/stage.ts';

export const viewNames = ['live', 'compare', 'see', 'teach'] as const;
export type ViewName = (typeof viewNames)[number];

export interface View {
  readonly root: HTMLElement;
  /** Reads what is on the stage now. Called again and again while the picture or the square changes, never twice at once. */
  read(): Promise<void>;
  /** The view comes to the front, or the model has changed: nothing of before counts. */
  reset(): void;
  /** The view goes to the back. */
  leave?(): void;
}

export interface ViewSetting {
  readonly inference: Inference;
  readonly stage: Stage;
  readonly reader: PictureReader;
  readonly models: Signal<readonly ListedModel[]>;
  /** Asks for a reading of the view in front. */
  readonly requestReading: () => void;
  /** Tells that what is shown now was read of this picture. */
  readonly shown: (picture: Picture) => void;
  /** Brings a view to the front. */
  readonly goTo: (view: ViewName) => void;
}
