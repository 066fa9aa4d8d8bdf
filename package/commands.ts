/** The commands of `npx textura`. Each is loaded only when it runs, so that the others start fast. */
import type { z } from 'zod';
import { nearestWord } from '../model/words.ts';
import type { CommandDefinition } from '../node/command-line.ts';
import type { CompletedCommand } from './completion.ts';

interface CommandEntry {
  /** For the list of commands; short enough for a line of 80 characters. */
  readonly summary: string;
  load(): Promise<{ readonly command: CommandDefinition<z.ZodObject> }>;
}

/** All commands, for completion scripts. */
async function allCommands(): Promise<readonly CompletedCommand[]> {
  const { completedCommand } = await import('./completion.ts');
  return Promise.all(
    Object.entries(commands).map(async ([name, { summary, load }]) =>
      completedCommand(name, summary, (await load()).command),
    ),
  );
}

/** By heading of the list of commands. */
export const commandGroups: Readonly<Record<string, Readonly<Record<string, CommandEntry>>>> = {
  'Get started': {
    quickstart: {
      summary: 'train, export, classify and serve on generated textures',
      load: () => import('../quickstart.ts'),
    },
    doctor: { summary: 'show what this machine has', load: () => import('../setup/doctor.ts') },
  },
  'Make a classifier': {
    inspect: {
      summary: 'look for wrong labels, duplicates and odd photographs',
      load: () => import('../training/inspect.ts'),
    },
    train: {
      summary: 'train a network on a folder of photographs',
      load: () => import('../training/train.ts'),
    },
    export: {
      summary: 'write a trained network as a verified ONNX file',
      load: () => import('../export/export.ts'),
    },
    evaluate: {
      summary: 'measure an exported model on labelled photographs',
      load: () => import('../serve/evaluate.ts'),
    },
  },
  'Use it': {
    classify: { summary: 'classify image files', load: () => import('../serve/classify.ts') },
    serve: { summary: 'serve models and the page over HTTP', load: () => import('../serve/serve.ts') },
  },
  'Compare networks': {
    ablate: {
      summary: 'train variants of a network and compare them',
      load: () => import('../study/ablate.ts'),
    },
    'ablate:worker': {
      summary: 'train runs of ablate --queue on this machine',
      load: () => import('../study/ablate-worker.ts'),
    },
  },
  'Set up': {
    'setup:tensorflow': {
      summary: 'install TensorFlow, for train --engine tfjs',
      load: () => import('../setup/tensorflow/setup.ts'),
    },
    'setup:cuda': {
      summary: 'install CUDA for onnxruntime, for --device cuda',
      load: () => import('../setup/cuda/setup.ts'),
    },
    'setup:slim': {
      summary: "delete onnxruntime's libraries for other systems",
      load: () => import('../setup/slim.ts'),
    },
    completion: {
      summary: 'print a completion script for bash, zsh or fish',
      load: async () => ({ command: (await import('./completion.ts')).completionCommand(allCommands) }),
    },
  },
};

export const commands: Readonly<Record<string, CommandEntry>> = Object.assign(
  {},
  ...Object.values(commandGroups),
);

/** The command that the first words name (`setup cuda` is `setup:cuda`) and the words after it. */
export function chosenCommand(
  argv: readonly string[],
): { readonly name: string; readonly entry: CommandEntry; readonly rest: readonly string[] } | undefined {
  const [first = '', second = ''] = argv;
  const pair = `${first}:${second}`;
  const name = Object.hasOwn(commands, pair) ? pair : first;
  const entry = Object.hasOwn(commands, name) ? commands[name] : undefined;
  return entry && { name, entry, rest: argv.slice(name === pair ? 2 : 1) };
}

/** Other words that people may type, and what they mean. */
const synonyms: Readonly<Record<string, string>> = {
  setup: 'setup:tensorflow or setup:cuda',
  predict: 'classify',
};

/** The command that a mistyped word probably means. */
export function similarCommand(word: string): string | undefined {
  return Object.hasOwn(synonyms, word) ? synonyms[word] : nearestWord(word, Object.keys(commands));
}
