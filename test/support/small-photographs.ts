/** A folder of small photographs for tests that train. */
import sharp from 'sharp';
import { drawTexture, type TextureName } from '../../textures/textures.ts';

/** PNG files `FOLDER/CLASS/NN.png` of `count` drawn pictures a class, 70x66 pixels. */
export async function smallPhotographs(
  folder: string,
  classes: readonly TextureName[],
  count: number,
): Promise<Record<string, Uint8Array>> {
  const raw = { width: 70, height: 66, channels: 1 } as const;
  const files: Record<string, Uint8Array> = {};
  for (const texture of classes) {
    for (let index = 0; index < count; index++) {
      const picture = sharp(drawTexture(texture, 1, index, raw.width, raw.height).data, { raw });
      files[`${folder}/${texture}/${String(index).padStart(2, '0')}.png`] = await picture.png().toBuffer();
    }
  }
  return files;
}
