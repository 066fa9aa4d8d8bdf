import { expect, test } from 'vitest';
import { errorCodes, TexturaError } from '../../model/error.ts';

test('an error has a message, a code and both statuses', () => {
  const error = new TexturaError('image-too-small', 'a.png is 63x200');
  expect([error.message, error.code, error.exitStatus, error.httpStatus]).toEqual([
    'a.png is 63x200',
    'image-too-small',
    3,
    422,
  ]);
  expect(error).toBeInstanceOf(Error);
});

test('every documented exit status has a code', () => {
  expect([...new Set(Object.values(errorCodes).map(({ exit }) => exit))].sort((a, b) => a - b)).toEqual([
    1, 2, 3, 4, 5, 130,
  ]);
});
