/** What the page asks of the worker that draws textures, and what it gets. */
import type { GreyImage } from '../../model/image.ts';
import type { TextureName } from '../../textures/textures.ts';

/** A piece of a texture to draw. */
export interface DrawingOrder {
  readonly id: number;
  readonly texture: TextureName;
  readonly index: number;
  readonly width: number;
  readonly height: number;
}

export interface Drawing {
  readonly id: number;
  readonly image: GreyImage;
}
