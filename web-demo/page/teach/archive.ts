/** Collected patches as a zip of class folders, which `npm run train` takes. */
import { strToU8, zipSync } from 'fflate';
import { folderName, type Surface } from '../../shared/collection.ts';
import { element } from '../dom/element.ts';
import { paintPatch } from '../stage/capture.ts';

/** `NAME/0001.png`, 64x64 each, with the grey levels as they were read: PNG keeps them all. */
export async function patchArchive(surfaces: readonly Surface[]): Promise<Uint8Array> {
  const canvas = element('canvas', { width: 64, height: 64 });
  const files: Record<string, Uint8Array> = {};
  for (const { name, patches } of surfaces) {
    for (const [i, patch] of patches.entries()) {
      paintPatch(canvas, patch);
      files[`${folderName(name) ?? name}/${String(i + 1).padStart(4, '0')}.png`] = await pngOf(canvas);
    }
  }
  files['README.txt'] = strToU8(
    'Class folders of 64x64 patches. Unpack, then: npm run train -- --data FOLDER\n',
  );
  // PNG is compressed already.
  return zipSync(files, { level: 0 });
}

async function pngOf(canvas: HTMLCanvasElement): Promise<Uint8Array> {
  const blob = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, 'image/png'));
  if (blob === null) throw new Error('this browser writes no PNG');
  return new Uint8Array(await blob.arrayBuffer());
}

/** Hands bytes over as a file. */
export function download(bytes: Uint8Array, name: string, type: string): void {
  const address = URL.createObjectURL(new Blob([new Uint8Array(bytes)], { type }));
  element('a', { href: address, download: name }).click();
  URL.revokeObjectURL(address);
}
