/**
 * validation.csv has the result of each validation photograph. Patches of one photograph are not independent,
 * so a comparison of networks needs the errors per photograph, not only their mean.
 */
import { z } from 'zod';
import { csvRows, csvText } from './csv.ts';
import { TexturaError } from './error.ts';
import { sumOf } from './statistics/descriptive.ts';

const columns = ['image', 'label', 'patches', 'wrong', 'top5_wrong', 'photograph_prediction'] as const;

const validatedImageSchema = z
  .strictObject({
    /** Its path in the data folder. */
    image: z.string().min(1),
    label: z.string().min(1),
    /** Patches of its fixed grid. */
    patches: z.coerce.number().int().min(1),
    /** Patches with a top-1 error. */
    wrong: z.coerce.number().int().min(0),
    /** Patches with a top-5 error. */
    top5_wrong: z.coerce.number().int().min(0),
    /** Prediction from the mean logits of its patches. */
    photograph_prediction: z.string().min(1),
  })
  .refine(({ patches, wrong, top5_wrong }) => top5_wrong <= wrong && wrong <= patches);
export type ValidatedImage = z.infer<typeof validatedImageSchema>;

/** The file's text: one line per image, in the order of the validation set. */
export function validationToCsv(images: readonly ValidatedImage[]): string {
  return csvText([columns, ...images.map((image) => columns.map((column) => String(image[column])))]);
}

/** Reads the file's text. Errors: `file-damaged`, naming `where` and the row. */
export function validationFromCsv(text: string, where: string): readonly ValidatedImage[] {
  const [header = [], ...rows] = csvRows(text, where);
  if (header.join(',') !== columns.join(',')) {
    throw new TexturaError(
      'file-damaged',
      `${where}: row 1: expected the header ${columns.join(',')}, got ${header.join(',')}`,
    );
  }
  return rows.map((cells, index) => {
    const raw = Object.fromEntries(columns.map((column, i) => [column, cells[i]]));
    const image = validatedImageSchema.safeParse(raw);
    if (cells.length === columns.length && image.success) return image.data;
    throw new TexturaError('file-damaged', `${where}: row ${index + 2}: not a validation row: ${cells}`);
  });
}

/** Shares of the patches and of the photographs that are misclassified, of one or more photographs. */
export function validationErrors(images: readonly ValidatedImage[]): {
  readonly patchError: number;
  readonly photographError: number;
} {
  const isWrong = ({ label, photograph_prediction }: ValidatedImage) => label !== photograph_prediction;
  return {
    patchError: sumOf(images.map(({ wrong }) => wrong)) / sumOf(images.map(({ patches }) => patches)),
    photographError: images.filter(isWrong).length / images.length,
  };
}
