/** `npm run bench -- SUBJECT`: the command line of all benchmarks. */
import type { z } from 'zod';
import { TexturaError } from '../model/error.ts';
import { runCommand } from '../node/command-line.ts';
import { type Terminal, terminalOn } from '../node/terminal.ts';
import { benchDevice, deviceBenchOptions } from './device.ts';
import { benchInfer, inferBenchOptions } from './infer.ts';
import { benchMemory, memoryBenchOptions } from './memory.ts';
import { benchServe, serveBenchOptions } from './serve.ts';
import { soak, soakOptions } from './soak.ts';
import { benchTrain, trainBenchOptions } from './train.ts';
import { benchWeb, webBenchOptions } from './web.ts';
import { benchWebTraining, webTrainingBenchOptions } from './web-training.ts';

type Subject = (name: string, argv: readonly string[]) => Promise<void>;

function subjectOf<S extends z.ZodObject>(
  options: S,
  measure: (options: z.infer<S>, terminal: Terminal) => Promise<void>,
): Subject {
  const run = async (given: z.infer<S>, { args }: { readonly args: readonly string[] }) => {
    const [subject = '', ...more] = args;
    if (more.length > 0 || !(subject in subjects)) {
      const got = args.length === 0 ? 'none' : `"${args.join(' ')}"`;
      throw new TexturaError('usage', `expected one subject of ${names()}, got ${got}`);
    }
    await measure(given, terminalOn(process.stdout));
  };
  const definition = { name: 'bench', options, arguments: 'subject', run } as const;
  return (name, argv) => runCommand({ ...definition, summary: summaryOf(name) }, argv);
}

function summaryOf(name: string): string {
  return `Measures Textura and comparable programs, interleaved in one run. Subjects: ${names()}. The options below are those of ${name}; "SUBJECT --help" lists those of another subject.`;
}

function names(): string {
  return Object.keys(subjects).join(', ');
}

const subjects: Readonly<Record<string, Subject>> = {
  train: subjectOf(trainBenchOptions, benchTrain),
  infer: subjectOf(inferBenchOptions, benchInfer),
  web: subjectOf(webBenchOptions, benchWeb),
  'web-training': subjectOf(webTrainingBenchOptions, benchWebTraining),
  serve: subjectOf(serveBenchOptions, benchServe),
  memory: subjectOf(memoryBenchOptions, benchMemory),
  soak: subjectOf(soakOptions, soak),
  device: subjectOf(deviceBenchOptions, benchDevice),
};
const argv = process.argv.slice(2);
const name = argv.find((word) => word in subjects) ?? 'train';
await subjects[name]?.(name, argv);
