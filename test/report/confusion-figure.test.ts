import { expect, test } from 'vitest';
import { confusionFigure, confusionFile } from '../../report/confusion-figure.ts';
import { lightPalette } from '../../report/palette.ts';
import { all, numberOf, type ParsedElement, parsed, texts } from '../support/parsed-markup.ts';

const three = {
  labels: ['bark', '<script>alert(1)</script>', 'knit'],
  counts: [
    [9, 1, 0],
    [0, 4, 0],
    [10, 0, 6],
  ],
};

function figureOf(confusion: Parameters<typeof confusionFigure>[0]): ParsedElement {
  return parsed(`<svg>${confusionFigure(confusion, lightPalette).body}</svg>`);
}

test('rows are true classes, columns predictions, each row in shares of its patches', () => {
  const figure = figureOf(three);
  const [bark] = all(figure, '.wrong rect').filter((cell) => cell.textContent.startsWith('bark'));
  const [knit] = all(figure, '.wrong rect').filter((cell) => cell.textContent.startsWith('knit'));
  expect(knit?.textContent).toBe('knit predicted as bark: 10 patches, 63 %');
  expect(bark?.textContent).toBe('bark predicted as <script>alert(1)</script>: 1 patch, 10 %');
  // Knit is the last row and bark the first column.
  expect(numberOf(knit as ParsedElement, 'x')).toBeLessThan(numberOf(bark as ParsedElement, 'x'));
  expect(numberOf(knit as ParsedElement, 'y')).toBeGreaterThan(numberOf(bark as ParsedElement, 'y'));
  expect(all(figure, '.right rect')).toHaveLength(3);
  expect(all(figure, '.wrong rect')).toHaveLength(2);
  expect(texts(figure, '.percent text').toSorted()).toEqual(['10', '100', '38', '63', '90']);
});

test('a larger share is a stronger cell', () => {
  const strengths = all(figureOf(three), '.wrong rect').map((cell) => numberOf(cell, 'fill-opacity'));
  expect(strengths).toEqual([Number(Math.sqrt(10 / 16).toFixed(3)), Number(Math.sqrt(0.1).toFixed(3))]);
});

test('class names are text, whatever they contain, and long ones are truncated', () => {
  const labels = ['<b onload="x">', 'a\u0000\nb', 'y'.repeat(200), 'Größe 지단'];
  const file = confusionFile({ labels, counts: labels.map(() => [1, 1, 1, 1]) }, 'x');
  expect(file).not.toContain('<b ');
  expect(file).not.toContain('\u0000');
  const figure = parsed(file);
  expect(texts(figure, '[aria-label="y-axis tick label"] text')).toEqual([
    '<b onload="x">',
    'a\uFFFD\uFFFDb',
    `${'y'.repeat(23)}…`,
    'Größe 지단',
  ]);
});

test('two names that are truncated to the same text keep their own rows', () => {
  const labels = [`${'z'.repeat(40)}1`, `${'z'.repeat(40)}2`];
  const rows = all(
    figureOf({
      labels,
      counts: [
        [3, 0],
        [0, 5],
      ],
    }),
    '.right rect',
  ).map((cell) => numberOf(cell, 'y'));
  expect(new Set(rows).size).toBe(2);
});

test('a hundred classes have all their names, no numbers in the cells, and a bounded size', () => {
  const labels = Array.from({ length: 100 }, (_, c) => `class ${c}`);
  const counts = labels.map((_, t) => labels.map((_, n) => (t === n ? 50 : 1)));
  const file = confusionFile({ labels, counts }, 'x');
  const figure = parsed(file);
  expect(texts(figure, '[aria-label="x-axis tick label"] text')).toEqual(labels);
  expect(all(figure, '.percent text')).toHaveLength(0);
  expect(all(figure, '.right rect')).toHaveLength(100);
  expect(file.length).toBeLessThan(300_000);
});

test('a class without patches has an empty row', () => {
  const figure = figureOf({
    labels: ['a', 'b'],
    counts: [
      [0, 0],
      [1, 2],
    ],
  });
  expect(all(figure, '.right rect')).toHaveLength(1);
  expect(all(figure, '.wrong rect')).toHaveLength(1);
});

test('short class names leave space for the axis titles', () => {
  const { body, width } = confusionFigure(
    {
      labels: ['a', 'b'],
      counts: [
        [1, 0],
        [0, 1],
      ],
    },
    lightPalette,
  );
  const figure = parsed(`<svg>${body}</svg>`);
  const cell = all(figure, '.right rect')[0] as ParsedElement;
  const letterPx = 6;
  expect(numberOf(cell, 'x')).toBeGreaterThan('true class \u2193'.length * letterPx);
  expect(width - numberOf(cell, 'x')).toBeGreaterThan('predicted \u2192'.length * letterPx);
});
