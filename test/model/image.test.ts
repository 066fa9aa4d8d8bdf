import { expect, test } from 'vitest';
import { greyFromPixels, type Pixels } from '../../model/image.ts';

function grey(channels: Pixels['channels'], ...values: number[]): number[] {
  return [
    ...greyFromPixels({ data: Uint8Array.from(values), width: values.length / channels, height: 1, channels })
      .data,
  ];
}

test('luma weighs red 299, green 587, blue 114 thousandths, rounded half up', () => {
  // 76.245, 149.685, 29.07, and (299*100 + 587*50 + 114*200) / 1000 = 82.05
  expect(grey(3, 255, 0, 0, 0, 255, 0, 0, 0, 255, 100, 50, 200)).toEqual([76, 150, 29, 82]);
  // (299*1 + 587*4 + 114*89) / 1000 = 12.793 and 114*50 / 1000 = 5.7
  expect(grey(3, 1, 4, 89, 0, 0, 50)).toEqual([13, 6]);
});

test('an exact half is rounded up', () => {
  // 114*250 / 1000 = 28.5
  expect(grey(3, 0, 0, 250)).toEqual([29]);
});

test('grey pixels keep their level with any number of channels', () => {
  for (const level of [0, 1, 127, 128, 254, 255]) {
    expect(grey(1, level)).toEqual([level]);
    expect(grey(2, level, 255)).toEqual([level]);
    expect(grey(3, level, level, level)).toEqual([level]);
    expect(grey(4, level, level, level, 255)).toEqual([level]);
  }
});

test('alpha is blended on white, each colour rounded half up', () => {
  expect(grey(2, 0, 0, 0, 128, 100, 51)).toEqual([255, 127, 224]);
  expect(grey(4, 255, 0, 0, 0)).toEqual([255]);
  // Red at alpha 128: (255, 127, 127) -> (76245 + 74549 + 14478) / 1000 = 165.272
  expect(grey(4, 255, 0, 0, 128)).toEqual([165]);
});

test('data that does not match the dimensions is rejected', () => {
  expect(() => greyFromPixels({ data: new Uint8Array(11), width: 2, height: 2, channels: 3 })).toThrow(
    'expected 2x2x3 bytes, got 11',
  );
});
