/**
 * Command lines from schemas. A command's options are the keys of a zod object (`patchesPerEpoch` is
 * `--patches-per-epoch`), which also has the help texts, defaults and checks. Sets the exit status from the
 * error.
 */
import { existsSync, realpathSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Command, CommanderError, Option } from 'commander';
import type { z } from 'zod';
import { exitStatusText, TexturaError, traceOf } from '../model/error.ts';
import { issueTexts } from '../model/issue-text.ts';
import { configuredOptions } from './config-file.ts';
import { handleOutputErrors } from './output.ts';
import { isPackaged } from './own-module.ts';
import { commandStart, commandText } from './shell.ts';
import { terminalOn } from './terminal.ts';

export interface CommandDefinition<S extends z.ZodObject> {
  readonly name: string;
  readonly summary: string;
  readonly options: S;
  /** Other names of options, as older commands and scripts have them; the help does not list them. */
  readonly aliases?: Readonly<Record<string, keyof z.infer<S> & string>>;
  /** Name of the positional arguments, e.g. `image`, if the command takes any. */
  readonly arguments?: string;
  /** Headings of the help and the options under them; the others are under `Options`. */
  readonly groups?: Readonly<Record<string, readonly (keyof z.infer<S> & string)[]>>;
  /** The options that textura.config.json may set. */
  readonly configurable?: readonly (keyof z.infer<S> & string)[];
  /** `given` names the options that were on the command line. */
  run(
    options: z.infer<S>,
    invocation: { readonly args: readonly string[]; readonly given: ReadonlySet<string> },
  ): Promise<void>;
}

/** Parses `argv` (without node and script), runs the command and sets the exit status of the process. */
export async function runCommand<S extends z.ZodObject>(
  definition: CommandDefinition<S>,
  argv: readonly string[],
): Promise<void> {
  handleOutputErrors();
  try {
    const parsed = parseArguments(definition, argv, () => configuredOptions(definition));
    if (parsed !== undefined) await definition.run(parsed.options, parsed);
  } catch (error) {
    process.exitCode = report(error, definition.name);
  }
}

/**
 * Runs the command of a module if Node was started with that module; one that is imported only defines its
 * command. `moduleUrl` is its `import.meta.url`.
 */
export async function runIfMain<S extends z.ZodObject>(
  definition: CommandDefinition<S>,
  moduleUrl: string,
): Promise<void> {
  const [, script = ''] = process.argv;
  // A module has the URL of the file that links lead to.
  if (!existsSync(script) || realpathSync(script) !== fileURLToPath(moduleUrl)) return;
  await runCommand(definition, process.argv.slice(2));
}

/**
 * The options and arguments of a command line; undefined after `--help`. `configured` gives options that the
 * command line may override. Errors: `usage`, naming the flag and what it expects.
 */
export function parseArguments<S extends z.ZodObject>(
  definition: CommandDefinition<S>,
  argv: readonly string[],
  configured: () => Readonly<Record<string, unknown>> = () => ({}),
) {
  const command = commanderOf(definition).exitOverride();
  command.configureOutput({ writeErr: () => {} });
  const aliases = Object.entries(definition.aliases ?? {});
  try {
    command.parse(argv, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return undefined;
    throw new TexturaError('usage', error.message.replace(/^error: /, ''));
  }
  if (definition.arguments === undefined && command.args.length > 0) {
    // npm keeps options for itself that do not follow a separate `--`, and passes on only their values.
    const way = isPackaged() ? '' : '. With npm run, options come after a separate --';
    throw new TexturaError(
      'usage',
      `${definition.name} takes options only, got "${command.args.join(' ')}"${way}; ${commandText(definition.name, '--help')} lists them`,
    );
  }
  const raw: Record<string, unknown> = command.opts();
  for (const [alias, key] of aliases) {
    if (raw[alias] === undefined) continue;
    if (raw[key] !== undefined) {
      throw new TexturaError('usage', `${flagOf(alias)} is another name of ${flagOf(key)}: give one of them`);
    }
    raw[key] = raw[alias];
    delete raw[alias];
  }
  const typed = Object.fromEntries(
    Object.entries(raw).map(([key, value]) => [
      key,
      typedValue(value, innerType(definition.options.shape[key] as z.ZodType)),
    ]),
  );
  const options = definition.options.safeParse({ ...configured(), ...typed });
  if (!options.success) {
    const placeOf = ([key]: readonly PropertyKey[]) => flagOf(String(key));
    const missing = Object.entries(definition.options.shape as Record<string, z.ZodType>)
      .filter(([key, schema]) => raw[key] === undefined && !schema.safeParse(undefined).success)
      .map(([key]) => flagOf(key));
    const help = commandText(definition.name, '--help');
    const texts = issueTexts(options.error, { input: raw, placeOf }).map((text) => {
      const flag = missing.find((name) => text.startsWith(`${name}: `));
      return flag === undefined ? text : `${flag} is required; ${help} describes it`;
    });
    throw new TexturaError('usage', texts.join('\n'));
  }
  return { options: options.data, args: command.args, given: new Set(Object.keys(raw)) };
}

/** The command line as commander has it, with the help. */
export function commanderOf<S extends z.ZodObject>(definition: CommandDefinition<S>): Command {
  const command = new Command(commandStart(definition.name));
  command.configureOutput({ getOutHelpWidth: () => terminalOn(process.stdout).width });
  command.description(definition.summary).addHelpText('after', `\n${exitStatusText}`);
  const shape = Object.entries(definition.options.shape) as [string, z.ZodType][];
  const groups = Object.entries(definition.groups ?? {});
  const grouped = new Set<string>(groups.flatMap(([, keys]) => keys));
  for (const [key, schema] of shape) if (!grouped.has(key)) command.addOption(optionOf(key, schema));
  for (const [heading, keys] of groups) {
    for (const key of keys) {
      const option = optionOf(key, definition.options.shape[key] as z.ZodType);
      command.addOption(option.helpGroup(`${heading}:`));
    }
  }
  for (const [alias, key] of Object.entries(definition.aliases ?? {}))
    command.addOption(optionOf(alias, definition.options.shape[key] as z.ZodType).hideHelp());
  if (definition.arguments !== undefined) command.argument(`[${definition.arguments}...]`);
  return command.allowExcessArguments();
}

export interface OptionFacts {
  readonly flag: string;
  /** `text` may be a path; `closed` is a number or one of `words`. */
  readonly value: 'none' | 'closed' | 'text';
  /** Values to choose from, or examples of a text (`examples` in the schema's metadata). */
  readonly words: readonly string[];
  readonly summary: string;
}

/** The options of a command, for completion scripts. */
export function optionFacts<S extends z.ZodObject>({
  options,
}: CommandDefinition<S>): readonly OptionFacts[] {
  return Object.entries(options.shape as Record<string, z.ZodType>).map(([key, schema]) => {
    const type = innerType(schema);
    const choices = choicesOf(schema);
    const value = type === 'boolean' ? 'none' : type === 'number' || choices ? 'closed' : 'text';
    const { examples } = schema.meta() ?? {};
    const words = choices ?? (Array.isArray(examples) ? examples.map(String) : []);
    return { flag: flagOf(key), value, words, summary: schema.description ?? '' };
  });
}

function optionOf(key: string, schema: z.ZodType): Option {
  const inner = innerType(schema);
  const flag = flagOf(key);
  return new Option(inner === 'boolean' ? flag : `${flag} <${inner}>`, helpOf(schema));
}

function helpOf(schema: z.ZodType): string {
  const value = schema.def.type === 'default' ? (schema as z.ZodDefault).def.defaultValue : undefined;
  const fallback = schema.meta()?.defaultText ?? value;
  const choices = choicesOf(schema);
  const notes = [
    choices && `one of ${choices.join(', ')}`,
    fallback !== undefined && fallback !== false && `default ${fallback}`,
  ];
  const tail = notes.filter(Boolean).join('; ');
  return [schema.description ?? '', tail && `(${tail})`].filter(Boolean).join(' ');
}

function unwrapped(schema: z.ZodType): z.ZodType {
  const { type } = schema.def;
  return type === 'default' || type === 'optional'
    ? unwrapped((schema as z.ZodDefault | z.ZodOptional).unwrap() as z.ZodType)
    : schema;
}

function innerType(schema: z.ZodType): 'boolean' | 'number' | 'text' {
  const { type } = unwrapped(schema).def;
  if (type === 'boolean') return 'boolean';
  return type === 'number' || type === 'int' ? 'number' : 'text';
}

function choicesOf(schema: z.ZodType): readonly string[] | undefined {
  const inner = unwrapped(schema);
  return inner.def.type === 'enum' ? ((inner as z.ZodEnum).options as readonly string[]) : undefined;
}

function typedValue(value: unknown, type: ReturnType<typeof innerType>): unknown {
  if (typeof value !== 'string') return value;
  // A file system accepts a blank name, which is a mistake here. Schemas refuse empty text.
  if (value.trim() === '') return type === 'text' ? '' : value;
  if (type !== 'number') return value;
  const number = Number(value);
  return Number.isNaN(number) ? value : number;
}

/** The flag of an option: `patchesPerEpoch` is `--patches-per-epoch`. */
export function flagOf(key: string): string {
  return `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** Prints an error and returns the exit status. Only internal errors have a stack trace. */
function report(error: unknown, command: string): number {
  const terminal = terminalOn(process.stderr);
  if (error instanceof TexturaError && error.code !== 'internal') {
    terminal.line(`${command}: ${error.message}`);
    return error.exitStatus;
  }
  terminal.line(`${command}: internal error; please report it with this output:\n${traceOf(error)}`);
  return 1;
}
