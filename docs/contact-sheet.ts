/** Writes docs/textures.png, the contact sheet of the generated textures: `npm run docs:contact-sheet`. */
import { fileURLToPath } from 'node:url';
import { writeFileAtomically } from '../node/atomic-file.ts';
import { html } from '../report/markup.ts';
import { type PlacedPicture, sheetPng } from '../report/pictures.ts';
import { drawTexture, type TextureName, textureNames } from '../textures/textures.ts';

const columns = 5;
const seed = 1;
/** A large picture, and next to it two small ones. */
const largePx = 138;
const smallPx = 67;
const gapPx = 4;
const captionPx = 28;
const marginPx = 20;
const cardPx = { width: largePx + gapPx + smallPx, height: captionPx + largePx + 12 } as const;
const spacingPx = 18;

await writeFileAtomically(fileURLToPath(new URL('./textures.png', import.meta.url)), await contactSheet());

function contactSheet(): Promise<Uint8Array> {
  const rows = Math.ceil(textureNames.length / columns);
  const cards = textureNames.map((name, index) => {
    const left = marginPx + (index % columns) * (cardPx.width + spacingPx);
    const top = marginPx / 2 + Math.floor(index / columns) * cardPx.height + captionPx;
    return { name, left, top };
  });
  return sheetPng({
    width: 2 * marginPx + columns * (cardPx.width + spacingPx) - spacingPx,
    height: marginPx + rows * cardPx.height,
    pictures: cards.flatMap(({ name, left, top }) => cardPictures(name, left, top)),
    captions: cards.map(({ name, left, top }) => html`<text x="${left}" y="${top - 8}">${name}</text>`),
  });
}

function cardPictures(name: TextureName, left: number, top: number): readonly PlacedPicture[] {
  const right = left + largePx + gapPx;
  return [
    { image: drawTexture(name, seed, 0, largePx, largePx), left, top },
    { image: drawTexture(name, seed, 1, smallPx, smallPx), left: right, top },
    { image: drawTexture(name, seed, 2, smallPx, smallPx), left: right, top: top + smallPx + gapPx },
  ];
}
