/** The API of the texture worker, which draws sample textures. */
import type { GreyImage } from '../../model/image.ts';
import type { TextureName } from '../../textures/textures.ts';

export interface TextureApi {
  draw(request: {
    readonly texture: TextureName;
    readonly index: number;
    readonly width: number;
    readonly height: number;
  }): GreyImage;
}
