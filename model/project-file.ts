/** The description of a project that the page's Teach view exports: a zip of class folders. */
import { z } from 'zod';

/** Names of a project's files outside of class folders; the trained model is another one. */
export const projectFiles = { description: 'project.json', readme: 'README.txt' } as const;

const countSchema = z.strictObject({ wrong: z.int().min(0), count: z.int().min(1) });

/** project.json. */
export const projectSchema = z.object({
  format: z.literal('textura-project'),
  version: z.literal(1),
  surfaces: z.array(z.object({ name: z.string(), folder: z.string(), colour: z.int().min(0) })),
  model: z
    .object({
      name: z.string(),
      file: z.string(),
      labels: z.array(z.string()),
      colours: z.array(z.int().min(0)),
      base: z.string(),
      heldOut: countSchema,
      heldOutOf: z.array(countSchema),
      trainingPatches: z.int(),
      seconds: z.number(),
      selfCheck: z.array(z.object({ patch: z.string(), probabilities: z.array(z.number()) })),
    })
    .optional(),
});
export type ProjectDescription = z.infer<typeof projectSchema>;
