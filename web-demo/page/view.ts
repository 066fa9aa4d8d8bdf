/** The interface of the page's views: panels next to the picture that classify it while they are shown. */
import type { Signal } from './dom/signal.ts';
import type { Inference } from './inference/inference.ts';
import type { ListedModel } from './inference/model-list.ts';
import type { Notify } from './source/source-bar.ts';
import type { PictureReader } from './stage/capture.ts';
import type { Picture, Stage } from './stage/stage.ts';

export const viewNames = ['live', 'compare', 'see', 'teach'] as const;
export type ViewName = (typeof viewNames)[number];

export interface View {
  readonly root: HTMLElement;
  /**
   * Classifies the current picture and shows the result, unless `isCurrent` says that the view was reset or
   * left in the meantime. Called whenever the picture or the square changes, never concurrently.
   */
  read(isCurrent: () => boolean): Promise<void>;
  /** The view was opened or the model changed: discards earlier results. */
  reset(): void;
  /** Another view was opened. */
  leave?(): void;
}

export interface ViewContext {
  readonly inference: Inference;
  readonly stage: Stage;
  readonly reader: PictureReader;
  readonly models: Signal<readonly ListedModel[]>;
  /** Requests that the current view reads the picture. */
  readonly requestReading: () => void;
  /** Whether another picture is being loaded. */
  readonly isPictureChanging: () => boolean;
  /** Marks the shown results as those of this picture. */
  readonly markShown: (picture: Picture) => void;
  /** Shows a picture file on the stage. */
  readonly showPicture: (file: File) => void;
  readonly notify: Notify;
  /** Opens a view. */
  readonly goTo: (view: ViewName) => void;
}
