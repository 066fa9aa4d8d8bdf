/**
 * The class map of a picture: which class each place shows. Overlapping patches at a stride run through the
 * exported file as in every other command, and each cell of the map is classified by the mean logits of the
 * patches that cover its centre. The picture is read in strips, so memory depends on its width only.
 */
import { knownMargin } from '../../model/known-score.ts';
import { centrePatch, cutPatches, type PatchPosition } from '../../model/patch.ts';
import { softmax } from '../../model/scores.ts';
import type { ImageStrips } from '../../node/image-decoder.ts';
import type { PatchOutputs } from '../../node/onnxruntime.ts';
import { requireFinite } from '../classification.ts';
import type { ModelWorkers } from '../inference/model-workers.ts';
import type { ModelFile } from '../model.ts';

/** The class of cells that show none of the classes. */
export const unknownClass = 0xffff;

export interface ClassMap {
  /** Of the picture, in pixels. */
  readonly width: number;
  readonly height: number;
  /** Side of a cell in pixels of the picture; the last column and row can be smaller. */
  readonly cellPx: number;
  readonly columns: number;
  readonly rows: number;
  /** `[rows,columns]`: index of the class, or `unknownClass`. */
  readonly classes: Uint16Array;
  /** `[rows,columns]`: probability of the likeliest class. */
  readonly probabilities: Float32Array;
  /** Number of patches. */
  readonly patches: number;
  /** A smaller version of the picture, for display; the mean grey level of the pixels of each of its pixels. */
  readonly preview: { readonly data: Uint8Array; readonly width: number; readonly height: number };
}

interface MapSettings {
  readonly name: string;
  /** Distance between patches, which is also the side of a cell; default: `defaultStridePx`. */
  readonly stridePx?: number | undefined;
  /** Longer side of the preview. */
  readonly previewPx: number;
  /** Pixels that are read at a time. */
  readonly stripPixels?: number;
  readonly onProgress: (done: number, total: number) => void;
}

/** Patches overlap by three quarters, and by less if there would be more of them than this. */
const mostCells = 100_000;
/** Patches of a run. */
const batchPatches = 32;
/** Three channels of so many pixels are in memory at a time. */
const defaultStripPixels = 16 * 2 ** 20;

/**
 * Distance between patches in pixels that gives a map of at most 100,000 cells, or a patch, so that no pixel is
 * left out.
 */
function defaultStridePx(width: number, height: number, patchPx: number): number {
  const least = Math.ceil(patchPx / 4);
  return Math.min(patchPx, Math.max(least, Math.ceil(Math.sqrt((width * height) / mostCells))));
}

/** Errors: `image-too-small`; those of the strips; `model-unusable`. */
export async function classMap(
  strips: ImageStrips,
  model: ModelFile,
  workers: ModelWorkers,
  { name, stridePx, previewPx, stripPixels = defaultStripPixels, onProgress }: MapSettings,
): Promise<ClassMap> {
  const { width, height } = strips;
  const { patchPx } = model.input;
  // For its error.
  centrePatch(width, height, patchPx);
  const cellPx = stridePx ?? defaultStridePx(width, height, patchPx);
  const xs = patchStarts(width, patchPx, cellPx);
  const ys = patchStarts(height, patchPx, cellPx);
  const cells = new CellRows(model, { width, height, cellPx, xs, ys });
  const preview = new Preview(width, height, previewPx);
  const stripRows = Math.max(patchPx, Math.min(height, Math.floor(stripPixels / width)));
  let done = 0;
  for (let at = 0; at < ys.length; ) {
    const top = ys[at] as number;
    const strip = await strips.rows(top, Math.min(stripRows, height - top));
    preview.add(strip.data, top, strip.height);
    for (; at < ys.length && (ys[at] as number) + patchPx <= top + strip.height; at++) {
      const y = (ys[at] as number) - top;
      const positions = xs.map((x) => ({ x, y }));
      const outputs = await Promise.all(
        batches(positions).map(async (batch) => {
          const run = await workers.run(cutPatches(strip, batch, patchPx));
          requireFinite(run, model, name);
          return run;
        }),
      );
      cells.addPatches(at, outputs);
      done += positions.length;
      onProgress(done, xs.length * ys.length);
    }
  }
  return {
    width,
    height,
    cellPx,
    ...cells.result(),
    patches: xs.length * ys.length,
    preview: preview.result(),
  };
}

/** Starts of patches that cover a length, evenly spaced by at most `stridePx`, first and last at the ends. */
export function patchStarts(length: number, patchPx: number, stridePx: number): readonly number[] {
  const steps = Math.ceil((length - patchPx) / stridePx);
  return Array.from({ length: steps + 1 }, (_, i) =>
    steps === 0 ? 0 : Math.round((i * (length - patchPx)) / steps),
  );
}

function batches(positions: readonly PatchPosition[]): readonly (readonly PatchPosition[])[] {
  return Array.from({ length: Math.ceil(positions.length / batchPatches) }, (_, i) =>
    positions.slice(i * batchPatches, (i + 1) * batchPatches),
  );
}

/** For each cell along an axis, the first and the last patch that cover its centre. */
function coverage(starts: readonly number[], length: number, cellPx: number, patchPx: number) {
  return Array.from({ length: Math.ceil(length / cellPx) }, (_, cell) => {
    const end = Math.min(length, (cell + 1) * cellPx);
    const centre = (cell * cellPx + end) / 2;
    const first = starts.findIndex((start) => centre < start + patchPx);
    const last = starts.findLastIndex((start) => start <= centre);
    return { first, last };
  });
}

interface Grid {
  readonly width: number;
  readonly height: number;
  readonly cellPx: number;
  readonly xs: readonly number[];
  readonly ys: readonly number[];
}

/** Sums of a row of patches over the patches that cover each column of cells. */
interface RowSums {
  /** `[columns,C]` */
  readonly logits: Float64Array;
  /** `[columns]` */
  readonly scores: Float64Array;
}

/** Classifies rows of cells as soon as the rows of patches that cover them are there. */
class CellRows {
  readonly #model: ModelFile;
  readonly #across: ReturnType<typeof coverage>;
  readonly #down: ReturnType<typeof coverage>;
  readonly #sums = new Map<number, RowSums>();
  readonly #classes: Uint16Array;
  readonly #probabilities: Float32Array;
  #nextRow = 0;

  constructor(model: ModelFile, { width, height, cellPx, xs, ys }: Grid) {
    const { patchPx } = model.input;
    this.#model = model;
    this.#across = coverage(xs, width, cellPx, patchPx);
    this.#down = coverage(ys, height, cellPx, patchPx);
    this.#classes = new Uint16Array(this.#across.length * this.#down.length);
    this.#probabilities = new Float32Array(this.#classes.length);
  }

  /** Adds row `at` of patches; rows come in order. */
  addPatches(at: number, outputs: readonly PatchOutputs[]): void {
    const classes = this.#model.labels.length;
    const logits = outputs.flatMap((output) => Array.from(output.logits));
    const scores = outputs.flatMap(({ knownScores = [] }) => Array.from(knownScores));
    const sums: RowSums = {
      logits: new Float64Array(this.#across.length * classes),
      scores: new Float64Array(this.#across.length),
    };
    this.#across.forEach(({ first, last }, column) => {
      for (let patch = first; patch <= last; patch++) {
        for (let c = 0; c < classes; c++) {
          const to = column * classes + c;
          sums.logits[to] = (sums.logits[to] as number) + (logits[patch * classes + c] as number);
        }
        sums.scores[column] = (sums.scores[column] as number) + (scores[patch] ?? 0);
      }
    });
    this.#sums.set(at, sums);
    for (; this.#nextRow < this.#down.length; this.#nextRow++) {
      const { first, last } = this.#down[this.#nextRow] as { first: number; last: number };
      if (last > at) break;
      for (const row of this.#sums.keys()) if (row < first) this.#sums.delete(row);
      this.#classifyRow(this.#nextRow, [...this.#sums.values()].slice(0, last - first + 1));
    }
  }

  result(): Pick<ClassMap, 'columns' | 'rows' | 'classes' | 'probabilities'> {
    return {
      columns: this.#across.length,
      rows: this.#down.length,
      classes: this.#classes,
      probabilities: this.#probabilities,
    };
  }

  #classifyRow(row: number, sums: readonly RowSums[]): void {
    const { labels, temperatures, threshold } = this.#model;
    const classes = labels.length;
    this.#across.forEach(({ first, last }, column) => {
      const patches = sums.length * (last - first + 1);
      const mean = new Float64Array(classes);
      let score = 0;
      for (const { logits, scores } of sums) {
        for (let c = 0; c < classes; c++) {
          mean[c] = (mean[c] as number) + (logits[column * classes + c] as number) / patches;
        }
        score += (scores[column] as number) / patches;
      }
      // Those of a patch: patches that overlap say little more than one of them.
      const probabilities = softmax(mean, temperatures.patch);
      const best = probabilities.indexOf(Math.max(...probabilities));
      const certainty = Math.max(...softmax(mean));
      const isKnown = threshold === undefined || knownMargin(certainty, [score], threshold) >= 0;
      const at = row * this.#across.length + column;
      this.#classes[at] = isKnown ? best : unknownClass;
      this.#probabilities[at] = probabilities[best] as number;
    });
  }
}

/** The picture scaled down by area, row by row. */
class Preview {
  readonly #sourceWidth: number;
  readonly #sourceHeight: number;
  readonly #width: number;
  readonly #height: number;
  readonly #sums: Float64Array;
  readonly #counts: Uint32Array;
  /** Rows of the picture so far; strips overlap. */
  #rows = 0;

  constructor(width: number, height: number, longerSidePx: number) {
    const scale = Math.min(1, longerSidePx / Math.max(width, height));
    this.#sourceWidth = width;
    this.#sourceHeight = height;
    this.#width = Math.max(1, Math.round(width * scale));
    this.#height = Math.max(1, Math.round(height * scale));
    this.#sums = new Float64Array(this.#width * this.#height);
    this.#counts = new Uint32Array(this.#sums.length);
  }

  /** Adds `count` rows of the picture, the first of which is row `top`. */
  add(data: Uint8Array, top: number, count: number): void {
    const columnOf = Uint32Array.from({ length: this.#sourceWidth }, (_, x) =>
      Math.floor((x * this.#width) / this.#sourceWidth),
    );
    for (let y = Math.max(top, this.#rows); y < top + count; y++) {
      const row = Math.floor((y * this.#height) / this.#sourceHeight) * this.#width;
      const from = (y - top) * this.#sourceWidth;
      for (let x = 0; x < this.#sourceWidth; x++) {
        const to = row + (columnOf[x] as number);
        this.#sums[to] = (this.#sums[to] as number) + (data[from + x] as number);
        this.#counts[to] = (this.#counts[to] as number) + 1;
      }
    }
    this.#rows = top + count;
  }

  result(): ClassMap['preview'] {
    const data = Uint8Array.from(this.#sums, (sum, i) =>
      Math.round(sum / Math.max(1, this.#counts[i] as number)),
    );
    return { data, width: this.#width, height: this.#height };
  }
}

export interface ClassShare {
  /** Index of the class, or `unknownClass`. */
  readonly index: number;
  /** Of the picture's area, 0..1. */
  readonly share: number;
}

/** The classes of a map by decreasing area; equal areas in the model's order. */
export function areaShares({ width, height, cellPx, columns, classes }: ClassMap): readonly ClassShare[] {
  const areas = new Map<number, number>();
  classes.forEach((index, at) => {
    const [row, column] = [Math.floor(at / columns), at % columns];
    const area =
      (Math.min(width, (column + 1) * cellPx) - column * cellPx) *
      (Math.min(height, (row + 1) * cellPx) - row * cellPx);
    areas.set(index, (areas.get(index) ?? 0) + area);
  });
  return [...areas]
    .map(([index, area]) => ({ index, share: area / (width * height) }))
    .sort((a, b) => b.share - a.share || a.index - b.index);
}
