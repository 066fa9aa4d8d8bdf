/** A film for Chromium's fake camera: uncompressed Y4M frames of a grey picture. */
import { writeFile } from 'node:fs/promises';
import type { GreyImage } from '../../model/image.ts';

/**
 * Writes a film that shows the pictures in turn, all of one size. Luma has the video range of 16..235, so that a level comes back
 * within one.
 */
export async function writeFilm(path: string, pictures: readonly GreyImage[]): Promise<void> {
  const { width = 0, height = 0 } = pictures[0] ?? {};
  const neutral = Buffer.alloc((width / 2) * (height / 2) * 2, 128);
  const frames = pictures.flatMap(({ data }) => {
    const luma = Buffer.from(data.map((level) => Math.round(16 + (level * 219) / 255)));
    return [Buffer.from('FRAME\n'), luma, neutral];
  });
  const header = Buffer.from(`YUV4MPEG2 W${width} H${height} F30:1 Ip A1:1 C420jpeg\n`);
  await writeFile(path, Buffer.concat([header, ...frames]));
}
