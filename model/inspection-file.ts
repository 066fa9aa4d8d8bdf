/** inspection.json: what `npm run inspect` found in a data folder. */
import { z } from 'zod';

/** Names of the files of an inspection, relative to its folder. */
export const inspectionFiles = {
  inspection: 'inspection.json',
  report: 'report.html',
  /** Only if there are near duplicates: a file for `npm run train -- --group`. */
  groups: 'groups.csv',
} as const;

const share = z.number().min(0).max(1);

const fileSchema = z.strictObject({
  /** Path in the data folder. */
  file: z.string(),
  label: z.string(),
});

const checkedLabelSchema = fileSchema.extend({
  /** Of the label, by models that did not learn from this photograph. */
  probability: share,
  /** The likeliest other class. */
  suggestion: z.string(),
  suggestionProbability: share,
  /** Whether the label has a probability below 5 % if only the label and the suggestion are possible. */
  isSuspicious: z.boolean(),
});
export type InspectedLabel = z.infer<typeof checkedLabelSchema>;

const labelCheckSchema = z.strictObject({
  /** The run whose networks classified photographs that they had not seen; absent for texture features. */
  run: z.string().optional(),
  /** Photographs whose label was checked. */
  checked: z.int().min(0),
  /** Of them, the share for which another class is likelier than the label. */
  disagreement: share,
  suspicious: z.int().min(0),
  /** The most suspicious first; also some that are not suspicious. */
  listed: z.array(checkedLabelSchema),
});
export type LabelCheck = z.infer<typeof labelCheckSchema>;

/** `labels`: with several labels. `sides`: on several sides of the split. `same`: neither. */
const duplicateKinds = ['labels', 'sides', 'same'] as const;

const duplicateSchema = z.strictObject({
  kind: z.enum(duplicateKinds),
  /** Lowest correlation of small versions of the pictures. */
  similarity: z.number().max(1),
  photographs: z.array(fileSchema.extend({ side: z.string().optional() })).min(2),
});
export type DuplicateSet = z.infer<typeof duplicateSchema>;

export const oddityKinds = ['flat', 'clipped', 'blurred', 'size'] as const;

const odditySchema = fileSchema.extend({
  kind: z.enum(oddityKinds),
  /** What was measured. */
  what: z.string(),
});
export type Oddity = z.infer<typeof odditySchema>;

export const inspectionSchema = z.strictObject({
  textura: z.string(),
  startedAt: z.iso.datetime(),
  data: z.strictObject({
    source: z.string(),
    photographs: z.int().min(0),
    classes: z.array(
      z.strictObject({
        label: z.string(),
        photographs: z.int().min(0),
        /** The photograph that is most certainly of this class. */
        typical: z.string().optional(),
      }),
    ),
    /** Files that cannot be read, or are smaller than a patch. */
    unusable: z.array(z.strictObject({ name: z.string(), why: z.string() })),
    notes: z.array(z.string()),
  }),
  labels: labelCheckSchema.optional(),
  /** Those with several labels first. */
  duplicates: z.array(duplicateSchema),
  oddities: z.array(odditySchema),
});
export type Inspection = z.infer<typeof inspectionSchema>;
