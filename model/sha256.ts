import { z } from 'zod';

/** A SHA-256 in the files of runs, models and evaluations. */
export const sha256Schema = z.string().regex(/^[0-9a-f]{64}$/);
