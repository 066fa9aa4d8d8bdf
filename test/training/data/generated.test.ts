import { expect, test } from 'vitest';
import { textureNames } from '../../../textures/textures.ts';
import {
  drawGeneratedDataset,
  drawGeneratedImage,
  type GeneratedPicture,
} from '../../../training/data/generated.ts';

test('threads draw each picture of each texture once, with the same pixels', async () => {
  const pictures: GeneratedPicture[] = [];
  await drawGeneratedDataset((picture, total) => {
    expect(total).toBe(50);
    pictures.push(picture);
  }, 2);
  const drawn = pictures.map(({ texture, index }) => `${texture} ${index}`).sort();
  expect(drawn).toEqual(textureNames.flatMap((texture) => [`${texture} 0`, `${texture} 1`]));
  const plaid = pictures.find(({ texture, index }) => texture === 'plaid' && index === 1);
  expect(plaid?.grey).toEqual(drawGeneratedImage('plaid', 1));
});
