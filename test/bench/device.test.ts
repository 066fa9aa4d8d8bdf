import { expect, test } from 'vitest';
import { benchDevice } from '../../bench/device.ts';
import { recordingTerminal } from '../support/recording-terminal.ts';

test('measures products, memory traffic and the start of an operator, and their ratio follows', async () => {
  const terminal = recordingTerminal();
  await benchDevice({ device: 'cpu', rounds: 3, operators: 4 }, terminal);
  const { lines } = terminal;
  const numbers = lines.map((line) => Number(/ {2}([\d.,]+)/.exec(line)?.[1]?.replace(/,/g, '')));
  const [, gigaflops = 0, millions = 0, microseconds = 0, ratio = 0] = numbers;
  for (const number of [gigaflops, millions, microseconds]) expect(number).toBeGreaterThan(0);
  const expected = (1000 * gigaflops) / 2 / millions;
  // The two rates are printed as whole numbers, the ratio with three digits.
  expect(Math.abs(ratio / expected - 1)).toBeLessThan(0.5 / gigaflops + 0.5 / millions + 0.005);
  expect(lines.at(-1)).toContain('(the cost model has 30)');
});
