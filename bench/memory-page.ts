/** docs/bench-memory.md: the service's memory with and without what glibc can be told. */
import type { Circumstances } from './circumstances.ts';
import { measuredOn, table } from './page-parts.ts';

export interface MemoryFigures {
  readonly models: number;
  /** What glibc was told, by the environment. */
  readonly env: Readonly<Record<string, string>>;
  readonly startedBytes: number;
  readonly loadedBytes: number;
  readonly replacedBytes: number;
}

export interface MemoryResults {
  readonly figures: readonly MemoryFigures[];
  readonly replacements: number;
  readonly circumstances: Circumstances;
  readonly command: string;
}

export function memoryPage({ figures, replacements, circumstances, command }: MemoryResults): string {
  const columns = [
    'environment',
    'models',
    'started',
    'under load',
    `after ${replacements} replacements`,
  ] as const;
  const rows = figures.map(({ models, env, startedBytes, loadedBytes, replacedBytes }) => [
    environmentText(env),
    String(models),
    ...[startedBytes, loadedBytes, replacedBytes].map((bytes) => `${(bytes / 2 ** 20).toFixed(0)} MiB`),
  ]);
  return `# Memory of the service

\`npm run serve\` when its models have been tried and are warm; after small and large pictures, eight at a time; and after one of its models has been
replaced again and again, with as many pictures between. Pages that processes share count once. The least of four looks within six seconds.

${table(columns, rows)}
${measuredOn(circumstances, {}, command)}`;
}

function environmentText(env: Readonly<Record<string, string>>): string {
  const settings = Object.entries(env).map(([name, value]) => `\`${name}=${value}\``);
  return settings.length === 0 ? 'as it is' : settings.join(' ');
}
