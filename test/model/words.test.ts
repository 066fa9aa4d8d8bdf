import { expect, test } from 'vitest';
import { counted, nearestWord, oneLine, printable, withoutMiddle } from '../../model/words.ts';

test('a noun is singular or plural according to the number', () => {
  expect(counted(1, 'file')).toBe('1 file');
  expect(counted(0, 'file')).toBe('0 files');
  expect(counted(12_375, 'patch', 'patches')).toBe('12,375 patches');
  expect(counted(1, 'patch', 'patches')).toBe('1 patch');
});

test.each([
  ['the screen cannot be cleared', 'evil\u001b[2J.bmp', 'evil\\u001b[2J.bmp'],
  ['nor by the C1 form', 'evil\u009b2J.bmp', 'evil\\u009b2J.bmp'],
  ['a line cannot be written over', 'rc=1\rrc=0', 'rc=1\\rrc=0'],
  ['backspace, bell, NUL and DEL', 'a\b\u0007\u0000\u007f', 'a\\u0008\\u0007\\u0000\\u007f'],
  ['a name cannot be turned round', 'gpj.\u202eexe.jpg', 'gpj.\\u202eexe.jpg'],
  ['nor isolated', '\u2066a\u2069', '\\u2066a\\u2069'],
  ['tabs and line separators', 'a\tb\u2028c', 'a\\tb\\u2028c'],
])('outside text is shown as escapes: %s', (_, text, shown) => {
  expect(printable(text)).toBe(shown);
  expect(oneLine(text)).toBe(shown);
});

test('a name stays on one line; a text of several lines keeps them', () => {
  expect(oneLine('a\nrc=0')).toBe('a\\nrc=0');
  expect(printable('a\nb')).toBe('a\nb');
});

test('letters of every script, emoji and direction marks stay', () => {
  for (const name of ['päth 空 Größe', 'שלום\u200f.jpg', '\u{1f9f6} e\u0301', "it's #1 50%"])
    expect(oneLine(name)).toBe(name);
});

test('printable JSON has the same value', () => {
  const value = { name: 'a\nb\u001b\u007f\u009b\u202e\u2028\t"\\' };
  const text = printable(JSON.stringify(value, undefined, 2));
  expect(JSON.parse(text)).toEqual(value);
  expect(text).toMatch(/^[\x20-\x7e\n]*$/);
});

test.each([
  ['epoch', 'epochs'],
  ['eopchs', 'epochs'],
  ['EPOCHS', 'epochs'],
  ['tarin', 'train'],
  ['trainer', undefined],
  ['', undefined],
])('the word nearest to %j is %j', (word, nearest) => {
  expect(nearestWord(word, ['train', 'epochs', 'classify'])).toBe(nearest);
});

test.each([
  ['a name that fits is whole', 'abcdefghij', 'abcdefghij'],
  ['a longer one keeps both ends', 'Oak, 20 mm, no. 1', 'Oak,…o. 1'],
  ['no space is next to the gap', 'Oak    brushed', 'Oak…shed'],
  ['wide characters count twice', '木目調の床板タイル', '木目…イル'],
  ['an emoji is whole', '🪵🪨🧱🪵🪨🧱', '🪵🪨…🪨🧱'],
])('in ten columns %s', (_, name, text) => {
  expect(withoutMiddle(name, 10)).toBe(text);
});
