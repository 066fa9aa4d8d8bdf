import { expect, test } from 'vitest';
import { curvePanels, curvesFile } from '../../report/curves.ts';
import { lightPalette } from '../../report/palette.ts';
import { type InventedRun, inventedMetrics, inventedRun } from '../support/invented-run.ts';
import { all, numberOf, type ParsedElement, parsed, texts } from '../support/parsed-markup.ts';

function courseOf(options: InventedRun) {
  const run = inventedRun(options);
  return { ...run, metrics: inventedMetrics(run, options) };
}

/** The four panels, parsed: loss, top-1 error, top-5 error, learning rate. */
function panelsOf(options: InventedRun): readonly ParsedElement[] {
  return curvePanels(courseOf(options), lightPalette).map(({ drawing }) =>
    parsed(`<svg>${drawing.body}</svg>`),
  );
}

/** The y axis of a panel as a function from pixels to values, from two of its ticks. */
function valueAt(panel: ParsedElement): (y: number) => number {
  const ticks = all(panel, '[aria-label="y-axis tick label"] text').map((tick) => ({
    value: Number(tick.textContent),
    y: Number(/,([\d.]+)\)/.exec(tick.getAttribute('transform') ?? '')?.[1]),
  }));
  const [low, high] = [ticks.at(0), ticks.at(-1)];
  if (low === undefined || high === undefined) throw new Error('the panel has no ticks');
  return (y) => low.value + ((y - low.y) / (high.y - low.y)) * (high.value - low.value);
}

test('each panel shows every epoch of both splits at its value', () => {
  const { metrics } = courseOf({});
  const columns = ['objective', 'top1err', 'top5err'] as const;
  const panels = panelsOf({});
  expect(panels).toHaveLength(4);
  for (const [i, column] of columns.entries()) {
    const panel = panels[i] as ParsedElement;
    const value = valueAt(panel);
    for (const split of ['train', 'val'] as const) {
      const shown = all(panel, `.${split}-epochs circle`).map((dot) => value(numberOf(dot, 'cy')));
      const expected = metrics.filter((row) => row.split === split).map((row) => row[column]);
      expect(shown).toHaveLength(12);
      for (const [i, y] of shown.entries()) expect(y).toBeCloseTo(expected[i] as number, 6);
      expect(all(panel, `.${split}-line path`)).toHaveLength(1);
    }
  }
});

test('the best epoch is marked with a ring at its validation value and labelled', () => {
  const { best } = courseOf({});
  const top1 = panelsOf({})[1] as ParsedElement;
  const ring = all(top1, '.best-value circle');
  expect(ring).toHaveLength(1);
  expect(valueAt(top1)(numberOf(ring[0] as ParsedElement, 'cy'))).toBeCloseTo(best?.top1err ?? Number.NaN, 6);
  expect(texts(top1, 'text')).toContain(`best epoch ${best?.epoch}: ${best?.top1err.toFixed(3)}`);
  const fold = panelsOf({ config: { folds: 5, fold: 2 } })[1] as ParsedElement;
  expect(texts(fold, 'text')).toContain(`last epoch ${best?.epoch}: ${best?.top1err.toFixed(3)}`);
});

test('a diverged run breaks its line and marks the epoch', () => {
  const [loss] = panelsOf({ status: 'diverged', divergedAtEpoch: 5 }) as [ParsedElement];
  expect(all(loss, '.train-epochs circle')).toHaveLength(4);
  expect(all(loss, '.diverged line')).toHaveLength(1);
  expect(texts(loss, 'text')).toContain('diverged');
});

test('a run that diverged in its first epoch still has its panels', () => {
  const [loss] = panelsOf({ status: 'diverged', divergedAtEpoch: 1 }) as [ParsedElement];
  expect(all(loss, '.diverged line')).toHaveLength(1);
  expect(all(loss, '.best-value circle')).toHaveLength(0);
});

test('without validation there is one line, one label and no empty mark', () => {
  const [, top1] = panelsOf({ validated: false }) as [ParsedElement, ParsedElement];
  expect(texts(top1, 'text')).toContain('training');
  expect(texts(top1, 'text')).not.toContain('validation');
  expect(all(top1, '.val-line')).toHaveLength(0);
});

test.each([
  [1, ['1']],
  [3, ['1', '2', '3']],
  [15, ['1', '5', '10', '15']],
  [100, ['1', '20', '40', '60', '80', '100']],
])('%i epochs are named at whole numbers', (epochs, expected) => {
  const [loss] = panelsOf({ epochs }) as [ParsedElement];
  expect(texts(loss, '[aria-label="x-axis tick label"] text')).toEqual(expected);
});

test('many epochs are a line without dots', () => {
  const [loss] = panelsOf({ epochs: 100 }) as [ParsedElement];
  expect(all(loss, '.train-epochs')).toHaveLength(0);
  expect(all(loss, '.train-line path')).toHaveLength(1);
});

test('a diverging loss does not flatten the rest', () => {
  const course = courseOf({});
  const metrics = course.metrics.map((row) => (row.epoch === 12 ? { ...row, objective: 1e30 } : row));
  const [loss] = curvePanels({ ...course, metrics }, lightPalette);
  const highest = texts(
    parsed(`<svg>${loss?.drawing.body}</svg>`),
    '[aria-label="y-axis tick label"] text',
  ).at(-1);
  expect(Number(highest)).toBeLessThan(3 * Math.log(7));
  const titles = texts(parsed(`<svg>${loss?.drawing.body}</svg>`), 'text').filter((text) =>
    /nats/.test(text),
  );
  expect(titles).toEqual([`loss (cross-entropy, nats), cut at ${highest}`]);
  const [whole] = panelsOf({}) as [ParsedElement];
  expect(texts(whole, 'text')).toContain('loss (cross-entropy, nats)');
});

test('labels at the ends of lines never overlap', () => {
  for (const epochs of [1, 2, 12, 100]) {
    for (const panel of panelsOf({ epochs })) {
      const ys = all(panel, 'g[text-anchor="start"]')
        .filter((group) => ['training', 'validation', 'guessing'].includes(group.textContent))
        .map((group) => Number(/,([-\d.]+)\)/.exec(group.getAttribute('transform') ?? '')?.[1]))
        .toSorted((a, b) => a - b);
      for (const [i, y] of ys.slice(1).entries()) expect(y - (ys[i] as number)).toBeGreaterThanOrEqual(12);
    }
  }
});

test('the file is self-contained: its own background, fonts and namespace, no style sheet, reproducible bytes', () => {
  const file = curvesFile(courseOf({}), 'tiles: a < b & c');
  expect(file).toBe(curvesFile(courseOf({}), 'tiles: a < b & c'));
  expect(file).not.toMatch(/<style|var\(|NaN|undefined/);
  const svg = parsed(file).querySelector('svg') as ParsedElement;
  expect(svg.getAttribute('xmlns')).toBe('http://www.w3.org/2000/svg');
  expect(svg.getAttribute('font-family')).toContain('serif');
  expect(svg.querySelector('rect')?.getAttribute('fill')).toBe(lightPalette.paper);
  expect(file).toContain('tiles: a &lt; b &amp; c');
});
