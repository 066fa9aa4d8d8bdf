import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { csvRecords, csvRows, csvText } from '../../model/csv.ts';

test('fields with commas, quotes and line ends are quoted, others are not', () => {
  expect(
    csvText([
      ['a', 'b,c', 'say "d"', 'e\nf'],
      ['', '1'],
    ]),
  ).toBe('a,"b,c","say ""d""","e\nf"\n,1\n');
});

test('any fields round-trip', () => {
  const field = fc.string({ unit: 'grapheme' });
  // A row of one empty field is an empty line.
  const rows = fc.array(fc.array(field, { minLength: 2, maxLength: 4 }), { maxLength: 5 });
  fc.assert(
    fc.property(rows, (written) => {
      expect(csvRows(csvText(written), 'x.csv')).toEqual(written);
    }),
  );
});

test('lines can end as on Windows, and the last line end is optional', () => {
  expect(csvRows('a,b\r\nc,d', 'x.csv')).toEqual([
    ['a', 'b'],
    ['c', 'd'],
  ]);
});

test('a stray quote is reported with file and line', () => {
  expect(() => csvRows('a,b\nc,d"e\n', 'x.csv')).toThrow('x.csv: line 2: stray quote');
});

test('a quote that a large file never closes is reported, and a large field is read', () => {
  const field = 'a,b\n'.repeat(2e6);
  expect(() => csvRows(`"${field}`, 'x.csv')).toThrow('x.csv: line 1: stray quote');
  expect(csvRows(`"${field}"`, 'x.csv')).toEqual([[field]]);
});

test('each row has the line on which it starts', () => {
  expect(csvRecords('a,b\r\n"c\n\nd",e\nf,\n', 'x.csv')).toEqual([
    { fields: ['a', 'b'], line: 1 },
    { fields: ['c\n\nd', 'e'], line: 2 },
    { fields: ['f', ''], line: 5 },
  ]);
});
