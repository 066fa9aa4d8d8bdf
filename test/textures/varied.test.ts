import { expect, test } from 'vitest';
import { drawVaried } from '../../textures/varied.ts';

const sidePx = 48;

/** How fast grey levels change, along rows and columns, whatever the contrast. */
function statisticsOf(data: Uint8Array): readonly number[] {
  const difference = (step: number) => {
    let sum = 0;
    for (let i = step; i < data.length; i++)
      sum += Math.abs((data[i] as number) - (data[i - step] as number));
    return sum / data.length;
  };
  const [across = 1, far = 1, down = 1, farDown = 1] = [1, 6, sidePx, 6 * sidePx].map(difference);
  return [across / far, down / farDown, across / down].map(Math.log);
}

test('the same arguments give the same picture, and another seed, class or index another one', () => {
  const { data, width, height } = drawVaried(1, 4, 2, sidePx);
  expect([width, height, data.length]).toEqual([sidePx, sidePx, sidePx ** 2]);
  expect(drawVaried(1, 4, 2, sidePx).data).toEqual(data);
  for (const other of [
    drawVaried(2, 4, 2, sidePx),
    drawVaried(1, 5, 2, sidePx),
    drawVaried(1, 4, 3, sidePx),
  ]) {
    expect(other.data).not.toEqual(data);
  }
});

test('pictures of a class are more alike than those of different classes', () => {
  const classes = Array.from({ length: 12 }, (_, number) =>
    [0, 1].map((index) => statisticsOf(drawVaried(1, number, index, sidePx).data)),
  );
  const distance = (a: readonly number[] = [], b: readonly number[] = []) =>
    Math.hypot(...a.map((value, i) => value - (b[i] ?? 0)));
  const mean = (distances: readonly number[]) =>
    distances.reduce((sum, value) => sum + value, 0) / distances.length;
  const within = mean(classes.map(([first, second]) => distance(first, second)));
  const between = mean(
    classes.flatMap(([first], i) =>
      classes.filter((_, j) => j !== i).map(([, other]) => distance(first, other)),
    ),
  );
  expect(within).toBeLessThan(between / 2);
});
