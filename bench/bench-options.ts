/** Command-line options that several benchmarks have. */
import { z } from 'zod';
import { TexturaError } from '../model/error.ts';
import { type NetworkName, networkNames } from '../model/network.ts';
import { commandText } from '../node/shell.ts';

export const modelsOption = z
  .string()
  .min(1)
  .default('models')
  .describe('folder of models written by npm run export');

/** Networks that are compared one after another; the values are those of `networksIn`. */
export const variantsOption = z
  .string()
  .default('texture-net,reference')
  .describe('network, or a comma-separated list of networks');

/** Errors: `usage`. */
export function networksIn(variants: string): readonly NetworkName[] {
  return listOption(
    '--variant',
    variants,
    z.array(z.enum(networkNames)),
    `some of ${networkNames.join(', ')}`,
  );
}

export function outOption(files: string) {
  return z.string().min(1).default('docs').describe(`output folder for ${files}`);
}

/** The values of an option that takes a comma-separated list. Errors: `usage`. */
export function listOption<T>(flag: string, text: string, schema: z.ZodType<T>, expected: string): T {
  const parsed = schema.safeParse(text.split(','));
  if (!parsed.success) throw new TexturaError('usage', `${flag}: expected ${expected}, got "${text}"`);
  return parsed.data;
}

/** The command that measures a subject again, with every option that is set except the output folder. */
export function commandOf(subject: string, options: Readonly<Record<string, unknown>>): string {
  const flags = Object.entries(options).flatMap(([name, value]) => {
    if (name === 'out' || value === undefined || value === false) return [];
    return value === true ? [`--${name}`] : [`--${name}`, String(value)];
  });
  return commandText('bench', subject, ...flags);
}
