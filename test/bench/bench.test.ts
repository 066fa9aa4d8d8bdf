import { expect, test } from 'vitest';
import { loadNote } from '../../bench/bench-page.ts';
import { familyText, multipliesBfloat16, vectorInstructions } from '../../bench/environment.ts';
import { turnsOf } from '../../bench/sample.ts';
import { medianRatio, spreadOf } from '../../bench/statistics.ts';
import { runScript } from '../support/command.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

test('quartiles are interpolated between neighbours', () => {
  expect(spreadOf([4, 1, 3, 2])).toEqual({ median: 2.5, lowerQuartile: 1.75, upperQuartile: 3.25 });
  expect(spreadOf([7])).toEqual({ median: 7, lowerQuartile: 7, upperQuartile: 7 });
});

test('a ratio pairs the values of a round, so that load on both cancels', () => {
  expect(medianRatio([300, 30, 3], [100, 10, 1])).toBe(3);
  expect(medianRatio([100, 200, 300], [50, 40, 60])).toBe(5);
});

test('every round begins with the next candidate', () => {
  const turns = [0, 1, 2, 3].map((round) => turnsOf(['a', 'b', 'c'], round).join(''));
  expect(turns).toEqual(['abc', 'bca', 'cab', 'abc']);
});

test('a processor is named with its family and model, where the system tells them', () => {
  expect(familyText('vendor_id\t: AuthenticAMD\ncpu family\t: 26\nmodel\t\t: 2\n')).toBe(
    ' (family 26, model 2)',
  );
  expect([familyText('CPU architecture: 8\n'), familyText(undefined)]).toEqual(['', '']);
});

test('bfloat16 support is read from the processor flags, and assumed if they are unknown', () => {
  const amd = 'processor\t: 0\nflags\t\t: fpu avx2 avx512f avx512_bf16\n';
  expect(vectorInstructions(amd)).toEqual(['avx2', 'avx512f', 'avx512_bf16']);
  expect(multipliesBfloat16(vectorInstructions(amd))).toBe(true);
  expect(multipliesBfloat16(vectorInstructions('flags\t: fpu avx2\n'))).toBe(false);
  expect(multipliesBfloat16(vectorInstructions(undefined))).toBe(true);
});

test('an unknown subject ends with status 2 and lists the subjects', async () => {
  const cwd = await temporaryFolder({});
  const { status, stderr } = await runScript('bench/bench.ts', ['sleep'], { cwd });
  expect({ status, stderr }).toEqual({
    status: 2,
    stderr:
      'bench: expected one subject of train, infer, web, web-training, serve, memory, soak, device, got "sleep"\n',
  });
});

test('a page says which load other programs put on the machine, if it was more than a quarter', () => {
  expect(loadNote({ loadBefore: 0.49, cores: 2 })).toBe('');
  expect(loadNote({ loadBefore: 0.5, cores: 2 })).toMatch(
    /0\.5 threads on average were running or\nwaiting for a processor \(load average\), on 2 cores\./,
  );
});

test.each([
  [[], 'train', '--profile'],
  [['soak'], 'soak', '--reload-seconds'],
])('the help of %j says whose options it lists', async (words, subject, option) => {
  const { stdout } = await runScript('bench/bench.ts', [...words, '--help'], {
    cwd: await temporaryFolder(),
  });
  expect(stdout.replaceAll('\n', ' ')).toContain(`The options below are those of ${subject};`);
  expect(stdout).toContain(option);
});
