/** npm run classify -- IMAGE --map FILE: writes the class map of one picture. */
import { realpath } from 'node:fs/promises';
import { basename, dirname, extname, resolve } from 'node:path';
import { TexturaError } from '../../model/error.ts';
import { percent, textTable } from '../../model/format.ts';
import { counted, oneLine } from '../../model/words.ts';
import { writeFileAtomically } from '../../node/atomic-file.ts';
import { openImageStrips } from '../../node/image-decoder.ts';
import { usableCores } from '../../node/machine.ts';
import { requireWritable } from '../../node/output.ts';
import { progressBar, type Terminal } from '../../node/terminal.ts';
import { ModelWorkers } from '../inference/model-workers.ts';
import type { ModelFile } from '../model.ts';
import { areaShares, type ClassMap, classMap, unknownClass } from './class-map.ts';
import { longestSidePx, mapPng } from './map-picture.ts';

interface MapOptions {
  readonly image: string;
  /** The picture's name in messages and in the map. */
  readonly name: string;
  /** The PNG file to write. */
  readonly map: string;
  readonly stridePx: number | undefined;
  readonly maxPixels: number;
}

/** Most workers: each has the model in memory. */
const mostWorkers = 8;

/** Writes the map. Errors: `usage`; those of `openImageStrips` and `classMap`; `output-unwritable`. */
export async function mapImage(
  model: ModelFile,
  { image, name, map: path, stridePx, maxPixels }: MapOptions,
  progress: Terminal,
): Promise<ClassMap> {
  if (stridePx !== undefined && stridePx > model.input.patchPx) {
    const message = `--map-stride ${stridePx}: expected ${model.input.patchPx} or less, the side of a patch`;
    throw new TexturaError('usage', message);
  }
  const strips = await openImageStrips(image, name, maxPixels);
  await requireWritable(dirname(path));
  const workers = await ModelWorkers.open(model, Math.min(mostWorkers, usableCores()));
  try {
    const map = await classMap(strips, model, workers, {
      name,
      stridePx,
      previewPx: longestSidePx,
      onProgress: (done, total) =>
        progress.status(`${progressBar(done / total, 20)} ${percent(done / total)}`),
    });
    const texts = {
      name: basename(name),
      model: model.name,
      labels: model.labels,
      patchPx: model.input.patchPx,
    };
    await writeFileAtomically(path, await mapPng(map, texts));
    return map;
  } finally {
    progress.clear();
    await workers.close();
  }
}

/** Errors: `usage` unless `path` is named like a PNG file and is not the picture itself. */
export async function requirePngTarget(flag: string, path: string, image: string): Promise<void> {
  if (extname(path).toLowerCase() !== '.png') {
    throw new TexturaError(
      'usage',
      `${flag} ${oneLine(path)}: expected the name of a PNG file, such as out.png`,
    );
  }
  const target = await realpath(path).catch(() => resolve(path));
  if (target === (await realpath(image).catch(() => resolve(image)))) {
    throw new TexturaError('usage', `${flag} ${oneLine(path)}: is the picture itself; choose another file`);
  }
}

interface MapResult {
  readonly model: string;
  readonly file: string;
  readonly map: string;
  readonly width: number;
  readonly height: number;
  readonly patches: number;
  readonly stridePx: number;
  /** By decreasing area; the shares and `unknown` add up to 1. */
  readonly classes: readonly { readonly label: string; readonly share: number }[];
  readonly unknown: number;
}

/** What --json prints. */
export function mapResult(map: ClassMap, model: ModelFile, file: string, path: string): MapResult {
  const shares = areaShares(map);
  return {
    model: model.name,
    file,
    map: path,
    width: map.width,
    height: map.height,
    patches: map.patches,
    stridePx: map.cellPx,
    classes: shares.flatMap(({ index, share }) =>
      index === unknownClass ? [] : [{ label: model.labels[index] ?? '', share }],
    ),
    unknown: shares.find(({ index }) => index === unknownClass)?.share ?? 0,
  };
}

export function mapText({ map, patches, stridePx, classes, unknown }: MapResult): string {
  const rows = classes.map(({ label, share }) => [oneLine(label), percent(share)]);
  if (unknown > 0) rows.push(['none of the classes', percent(unknown)]);
  const how = `${counted(patches, 'patch', 'patches')}, every ${counted(stridePx, 'pixel')}`;
  return `${oneLine(map)}  (${how})\n${textTable(['class', 'area'], rows, 1)}`;
}
