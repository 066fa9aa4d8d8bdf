import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runScript } from '../support/command.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

test('the command measures all files at every batch size, and the two of float32 agree', {
  timeout: 120_000,
}, async () => {
  const cwd = await temporaryFolder();
  const args = ['infer', '--variant', 'lab-baseline', '--rounds', '1', '--seconds', '0.001'];
  const { status, stderr } = await runScript('bench/bench.ts', args, { cwd });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  const page = await readFile(join(cwd, 'docs/bench-infer.md'), 'utf8');
  const rows = page
    .split('\n')
    .filter((line) => /^\| \d+ /.test(line))
    .map((line) => line.split('|').map((cell) => cell.trim()));
  const batches = rows.map(([, batch]) => Number(batch));
  expect(batches.slice(0, 6)).toEqual([1, 4, 8, 16, 32, 165]);
  for (const [, , portable, , throughput, , ratio, int8, , faster, difference] of rows) {
    expect(Math.min(...[portable, throughput, ratio, int8, faster].map(Number))).toBeGreaterThan(0);
    expect(Number(difference)).toBeLessThan(1e-4);
  }
  expect(page).toContain('npm run bench -- infer --variant lab-baseline --rounds 1');
});
