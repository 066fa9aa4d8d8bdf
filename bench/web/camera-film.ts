/** A film for Chromium's fake camera, in uncompressed Y4M. */
import { writeFile } from 'node:fs/promises';
import type { GreyImage } from '../../model/image.ts';

/** Writes images of one size as frames. Luma has the video range 16..235: grey levels change by at most 1. */
export async function writeFilm(path: string, images: readonly GreyImage[]): Promise<void> {
  const { width = 0, height = 0 } = images[0] ?? {};
  const neutral = Buffer.alloc((width / 2) * (height / 2) * 2, 128);
  const frames = images.flatMap(({ data }) => {
    const luma = Buffer.from(data.map((level) => Math.round(16 + (level * 219) / 255)));
    return [Buffer.from('FRAME\n'), luma, neutral];
  });
  const header = Buffer.from(`YUV4MPEG2 W${width} H${height} F30:1 Ip A1:1 C420jpeg\n`);
  await writeFile(path, Buffer.concat([header, ...frames]));
}
