import { expect, test } from 'vitest';
import { type Column, classTable } from '../../report/page.ts';

test('a table of classes folds away those after the thirtieth', () => {
  const columns: readonly Column[] = [{ heading: 'class', kind: 'name' }];
  const tableOf = (classes: number) =>
    classTable(
      'Errors',
      columns,
      Array.from({ length: classes }, (_, c) => ({ cells: [`c${c}`] })),
    ).markup;
  expect(tableOf(30)).not.toContain('<summary>');
  expect(tableOf(31)).toContain('<summary>1 more class</summary>');
  expect(tableOf(1032)).toContain('<summary>1,002 more classes</summary>');
});
