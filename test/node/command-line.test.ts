import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, onTestFinished, test, vi } from 'vitest';
import { z } from 'zod';
import { TexturaError } from '../../model/error.ts';
import {
  type CommandDefinition,
  commanderOf,
  flagOf,
  parseArguments,
  runCommand,
} from '../../node/command-line.ts';
import { moduleAddress } from '../support/command.ts';

const options = z.strictObject({
  patchesPerEpoch: z.int().min(1).default(12).describe('patches an epoch'),
  learningRate: z.number().positive().optional(),
  augment: z.enum(['none', 'jitter64']).default('none'),
  out: z.string().min(1).optional(),
  resume: z.boolean().default(false).describe('go on'),
});
const command: CommandDefinition<typeof options> = {
  name: 'weave',
  summary: 'Weaves a cloth.',
  options,
  run: async () => {},
};
const parse = (...argv: string[]) => parseArguments(command, argv);

/** What is written to a stream of the process, and its exit status, put back when the test is over. */
function watched(stream: 'stdout' | 'stderr') {
  const text: string[] = [];
  vi.spyOn(process[stream], 'write').mockImplementation((chunk) => {
    text.push(String(chunk));
    return true;
  });
  const before = process.exitCode;
  onTestFinished(() => {
    process.exitCode = before;
  });
  return () => text.join('');
}

test('options are the keys in kebab case, typed, with the defaults of the schema', () => {
  expect(flagOf('patchesPerEpoch')).toBe('--patches-per-epoch');
  expect(parse()?.options).toEqual({ patchesPerEpoch: 12, augment: 'none', resume: false });
  expect(
    parse('--patches-per-epoch', '7', '--learning-rate=1e-3', '--resume', '--out', '12')?.options,
  ).toEqual({
    patchesPerEpoch: 7,
    learningRate: 0.001,
    augment: 'none',
    out: '12',
    resume: true,
  });
});

test('options on the command line are distinguished from defaults', () => {
  expect(parse()?.given).toEqual(new Set());
  expect(parse('--patches-per-epoch', '12')?.given).toEqual(new Set(['patchesPerEpoch']));
});

test.each([
  [['--patches-per-epoc', '3'], 'Did you mean --patches-per-epoch?'],
  [['--patches-per-epoch', '0'], /^--patches-per-epoch: expected 1 or more, got "0"$/],
  [['--patches-per-epoch', '2.5'], /^--patches-per-epoch: expected a whole number, got "2.5"$/],
  [['--patches-per-epoch', 'many'], /^--patches-per-epoch: expected a number, got "many"$/],
  [['--patches-per-epoch', ''], /^--patches-per-epoch: expected a number, got ""$/],
  [['--learning-rate', '-1'], /^--learning-rate: expected more than 0, got "-1"$/],
  [['--augment', 'shake'], /^--augment: expected one of none, jitter64, got "shake"$/],
  [['--out', ''], /^--out: expected text, got ""$/],
  [['--out', ' '], /^--out: expected text, got " "$/],
  [['--out=\t \n'], /^--out: expected text, got "\\t \\n"$/],
  [['--augment', ' '], /^--augment: expected one of none, jitter64, got " "$/],
  [['--out'], "option '--out <text>' argument missing"],
  [
    ['photos'],
    'weave takes options only, got "photos". With npm run, options come after a separate --; npm run weave -- --help lists them',
  ],
] as const)('%j is a usage error that names the flag and what it got', (argv, message) => {
  expect(() => parse(...argv)).toThrow(expect.objectContaining({ code: 'usage' }));
  expect(() => parse(...argv)).toThrow(message);
});

test('an option that must be given is named as such, by the name on the command line', () => {
  const definition = {
    name: 'weave',
    summary: 'Weaves a cloth.',
    options: z.strictObject({ dataFolder: z.string().min(1), side: z.enum(['left', 'right']) }),
    run: async () => {},
  };
  const refused = (...argv: string[]) => {
    expect(() => parseArguments(definition, argv)).toThrow(expect.objectContaining({ code: 'usage' }));
    return expect(() => parseArguments(definition, argv));
  };
  const help = 'npm run weave -- --help describes it';
  refused().toThrow(`--data-folder is required; ${help}\n--side is required; ${help}`);
  refused('--data-folder', '', '--side', 'up').toThrow(
    '--data-folder: expected text, got ""\n--side: expected one of left, right, got "up"',
  );
});

test('all mistakes are reported at once', () => {
  expect(() => parse('--patches-per-epoch', '0', '--augment', 'shake')).toThrow(
    /--patches-per-epoch.*\n--augment/,
  );
});

test('the help has the width of COLUMNS where there is no terminal', () => {
  const widthOf = (columns: string) => {
    vi.stubEnv('COLUMNS', columns);
    const lines = commanderOf({ ...command, summary: 'long '.repeat(60) })
      .helpInformation()
      .split('\n');
    return Math.max(...lines.map(({ length }) => length));
  };
  expect(widthOf('75')).toBeLessThanOrEqual(75);
  expect(widthOf('120')).toBeGreaterThan(100);
});

test('positional arguments reach a command that takes them, including those with dashes', () => {
  const definition = { ...command, arguments: 'image' };
  expect(parseArguments(definition, ['a.png', '--resume', '--', '-b.png'])?.args).toEqual([
    'a.png',
    '-b.png',
  ]);
});

test('help is printed with choices and defaults, and nothing runs', async () => {
  const printed = watched('stdout');
  const run = vi.fn(command.run);
  await runCommand({ ...command, run }, ['--help']);
  expect(run).not.toHaveBeenCalled();
  expect(process.exitCode ?? 0).toBe(0);
  expect(printed()).toContain('Usage: npm run weave -- [options]\n');
  expect(printed()).not.toContain('none...');
  expect(printed()).toMatch(/--patches-per-epoch <number>\s+patches an epoch \(default 12\)/);
  expect(printed()).toContain('(one of none, jitter64; default none)');
  expect(printed()).toMatch(/--resume\s+go on\n/);
});

test.each([
  [new TexturaError('diverged', 'diverged at epoch 2'), 4, 'weave: diverged at epoch 2\n'],
  [new TexturaError('interrupted', 'stopped'), 130, 'weave: stopped\n'],
  [new TexturaError('data-unusable', 'photos: no classes'), 3, 'weave: photos: no classes\n'],
] as const)(
  'a user or run error, such as %s, prints its message and sets its status',
  async (error, status, message) => {
    const printed = watched('stderr');
    await runCommand({ ...command, run: () => Promise.reject(error) }, []);
    expect(process.exitCode).toBe(status);
    expect(printed()).toBe(message);
  },
);

test('an internal error has status 1 and prints its stack', async () => {
  const printed = watched('stderr');
  await runCommand({ ...command, run: () => Promise.reject(new RangeError('index 7 of 5')) }, []);
  expect(process.exitCode).toBe(1);
  expect(printed()).toMatch(
    /internal error; please report it with this output:\nRangeError: index 7 of 5\n\s+at /,
  );
});

test('further commands in a process add no listeners to its output', async () => {
  watched('stdout');
  const listeners = () => [process.stdout, process.stderr].map((stream) => stream.listenerCount('error'));
  await runCommand(command, ['--help']);
  const before = listeners();
  await runCommand(command, ['--help']);
  expect(listeners()).toEqual(before);
});

test.skipIf(process.platform === 'win32')('a closed output pipe does not end the command', async () => {
  const module = moduleAddress('node/command-line.ts');
  const script = `const { runCommand } = await import(${JSON.stringify(module)});
    const { z } = await import('zod');
    const { setTimeout: sleep } = await import('node:timers/promises');
    const run = async () => {
      for (let i = 0; i < 20; i++) { process.stdout.write('line '.repeat(100)); await sleep(20); }
      process.stderr.write('done');
    };
    await runCommand({ name: 'weave', summary: '', options: z.strictObject({}), run }, []);`;
  const args = ['--input-type=module', '-e', script];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  child.stdout.once('data', () => child.stdout.destroy());
  const [status] = await once(child, 'close');
  expect({ status, said }).toEqual({ status: 0, said: 'done' });
});
