import { expect, test } from 'vitest';
import { type ValidatedImage, validationFromCsv, validationToCsv } from '../../model/validation-file.ts';

const images: readonly ValidatedImage[] = [
  {
    image: 'bark/a, b.jpg',
    label: 'bark',
    patches: 15,
    wrong: 4,
    top5_wrong: 1,
    photograph_prediction: 'bark',
  },
  {
    image: 'brick/2.jpg',
    label: 'brick',
    patches: 9,
    wrong: 9,
    top5_wrong: 9,
    photograph_prediction: 'wall',
  },
];

test('rows round-trip', () => {
  const text = validationToCsv(images);
  expect(text.split('\n')[0]).toBe('image,label,patches,wrong,top5_wrong,photograph_prediction');
  expect(text.split('\n')[2]).toBe('brick/2.jpg,brick,9,9,9,wall');
  expect(validationFromCsv(text, 'validation.csv')).toEqual(images);
});

test('an inconsistent row is reported', () => {
  const wrong = validationToCsv(images).replace('9,9,9', '9,10,9');
  expect(() => validationFromCsv(wrong, 'runs/a/validation.csv')).toThrow('runs/a/validation.csv: row 3');
  expect(() => validationFromCsv('a,b\n', 'x')).toThrow('expected the header image,label');
});
