import { expect, test } from 'vitest';
import type { MetricsRow } from '../../model/metrics.ts';
import type { Dataset } from '../../training/data/dataset.ts';
import { dataText, outcomeText, progressDisplay } from '../../training/progress-display.ts';

const dataset: Dataset = {
  ...{ source: 'photos', labels: ['brick', 'wood'], train: [], validation: [] },
  ...{ fingerprint: '', skipped: [], notes: [], pixels: undefined },
};

test('of many notes and skipped files the first ten are shown, cut to a readable length', () => {
  const many = Array.from({ length: 12 }, (_, i) => i + 1);
  const text = dataText({
    ...dataset,
    notes: ['x'.repeat(1000), ...many.map((i) => `note ${i}`)],
    skipped: many.map((i) => ({ name: `brick/${i}.txt`, why: 'a text' })),
  });
  const lines = text.split('\n');
  expect(lines[1]).toBe(`  ${'x'.repeat(400)}...`);
  expect(lines.slice(10, 14)).toEqual([
    '  note 9',
    '  and 3 more, all in run.json',
    '  12 files were passed over:',
    '    brick/1.txt: a text',
  ]);
  expect(lines.at(-1)).toBe('    and 2 more, all in run.json');
});

const rows: readonly MetricsRow[] = (['train', 'val'] as const).map((split) => ({
  ...{ epoch: 1, split, objective: 0.5, top1err: 0.25, top5err: 0 },
  ...{ images_per_second: 10, learning_rate: 0.1, seconds: 1 },
}));

function linesOf(balanced: number | undefined): string {
  const lines: string[] = [];
  const terminal = {
    line: (text: string) => lines.push(text),
    status() {},
    clear() {},
    isInteractive: false,
  };
  const [train, val] = rows as [MetricsRow, MetricsRow];
  const history = [train, balanced === undefined ? val : { ...val, balanced_top1err: balanced }];
  progressDisplay(terminal, 3).epochEnded(history);
  return lines.join('\n');
}

test('the balanced error stands beside the top-1 error where the two differ', () => {
  expect(linesOf(0.5)).toMatch(/top-1 error 0\.250 \(balanced 0\.500\)/);
  for (const balanced of [0.25, undefined]) expect(linesOf(balanced)).not.toContain('balanced');
  const best = { epoch: 1, top1err: 0.25, top5err: 0, objective: 0.5, balancedTop1err: 0.5 };
  const outcome = { status: 'finished', history: rows, endedEarly: false } as const;
  expect(outcomeText(outcome, 'runs/a', best)).toContain('top-1 error 0.250 (balanced 0.500) of patches');
});
