/** A data set of drawn pictures in memory, without files. */
import { drawTexture, type TextureName } from '../../textures/textures.ts';
import type { DatasetImage } from '../../training/data/dataset-image.ts';
import { startPixelCache } from '../../training/data/pixels.ts';

/** Two pictures to learn from and one to validate on for each class, 70x66 pixels. */
export function memoryPictures(classes: readonly TextureName[]) {
  const cache = startPixelCache(1e6);
  const picture = (texture: TextureName, label: number, index: number): DatasetImage => {
    const grey = drawTexture(texture, 1, index, 70, 66);
    const source = { kind: 'generated', texture, index } as const;
    const image = {
      name: `${texture} ${index}`,
      source,
      label,
      width: 70,
      height: 66,
      meanGrey: 128,
      contentHash: '',
    };
    cache.add(image, grey);
    return image;
  };
  const ofIndices = (...indices: number[]) =>
    classes.flatMap((texture, label) => indices.map((index) => picture(texture, label, index)));
  const [train, validation] = [ofIndices(0, 1), ofIndices(2)];
  return { train, validation, pixels: cache.pixelsOf([...train, ...validation]) };
}
