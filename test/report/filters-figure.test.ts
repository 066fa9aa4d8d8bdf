import { expect, test } from 'vitest';
import { filtersFigure, filtersFile } from '../../report/filters-figure.ts';
import { lightPalette } from '../../report/palette.ts';
import { all, type ParsedElement, parsed, texts } from '../support/parsed-markup.ts';

/** Three kernels of 2x2: with both signs, all zero, one not finite. */
const kernel = {
  shape: [3, 1, 2, 2],
  data: Float32Array.from([0.5, -1, 0, 1, 0, 0, 0, 0, Number.NaN, 1, 1, 1]),
};

function greys(figure: ParsedElement): readonly (string | null)[] {
  return all(figure, '[shape-rendering="crispEdges"] rect').map((cell) => cell.getAttribute('fill'));
}

test('weights are greys, symmetric around zero, by the largest of their own kernel', () => {
  const figure = parsed(`<svg>${filtersFigure(kernel, lightPalette).body}</svg>`);
  expect(greys(figure).slice(0, 4)).toEqual(['#bfbfbf', '#000000', '#808080', '#ffffff']);
  expect(texts(figure, 'text')[0]).toBe('±1');
});

test('a kernel of zeros is middle grey, and a weight that is not finite is visible', () => {
  const figure = parsed(`<svg>${filtersFigure(kernel, lightPalette).body}</svg>`);
  expect(greys(figure).slice(4, 8)).toEqual(Array.from({ length: 4 }, () => '#808080'));
  expect(greys(figure)[8]).toBe(lightPalette.wrong);
  expect(texts(figure, 'text')[2]).toBe('not finite');
});

test('rows and columns of the tile are those of the kernel', () => {
  const only = { shape: [1, 1, 3, 3], data: Float32Array.from([0, 0, 1, 0, 0, 0, 0, 0, 0]) };
  const [white] = all(parsed(filtersFile(only, 'x')), 'rect[fill="#ffffff"]');
  expect([white?.getAttribute('x'), white?.getAttribute('y')]).toEqual(['40', '0']);
});

test('a tensor that is not a kernel over grey patches is rejected with its shape', () => {
  const data = new Float32Array(2 * 3 * 5 * 5);
  expect(() => filtersFigure({ shape: [2, 3, 5, 5], data }, lightPalette)).toThrow(
    'expected [filters,1,size,size], got [2,3,5,5]',
  );
});
