/** The JSON Schema of textura.config.json, with which editors complete and check it. */
import { z } from 'zod';
import { configuredCommands } from '../node/config-file.ts';
import { commands } from './commands.ts';

export async function configSchema(): Promise<object> {
  const sections = await Promise.all(
    configuredCommands.map(async (name) => {
      const { command } = (await commands[name]?.load()) ?? {};
      const shape = (command?.configurable ?? []).map((key) => [key, command?.options.shape[key]] as const);
      return [name, z.strictObject(Object.fromEntries(shape)).partial().optional()] as const;
    }),
  );
  const schema = z.strictObject({ $schema: z.string().optional(), ...Object.fromEntries(sections) });
  return z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
}
