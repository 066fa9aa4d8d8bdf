import { expect, test } from 'vitest';
import {
  balancedErrorsToCsv,
  type MetricsRow,
  metricsFromCsv,
  metricsRowSchema,
  metricsToCsv,
  withBalancedErrors,
} from '../../model/metrics.ts';

const rows: MetricsRow[] = [
  {
    epoch: 1,
    split: 'train',
    objective: 1.2345678901234567,
    top1err: 0.1 + 0.2,
    top5err: 0,
    images_per_second: 180.4,
    learning_rate: 1e-7,
    seconds: 12.5,
  },
  {
    epoch: 1,
    split: 'val',
    objective: Number.NaN,
    top1err: 1,
    top5err: Number.POSITIVE_INFINITY,
    images_per_second: 0,
    learning_rate: 0.01,
    seconds: 0,
  },
];

test('the header is fixed', () => {
  expect(metricsToCsv([])).toBe(
    'epoch,split,objective,top1err,top5err,images_per_second,learning_rate,seconds\n',
  );
});

test('rows round-trip bit-exactly, with any line ends', () => {
  const text = metricsToCsv(rows);
  expect(metricsFromCsv(text, 'x')).toEqual(rows);
  expect(metricsFromCsv(text.replaceAll('\n', '\r\n'), 'x')).toEqual(rows);
});

test('a wrong header and a short row are reported with file and line', () => {
  expect(() => metricsFromCsv('a,b\n', 'runs/a/metrics.csv')).toThrow(
    'runs/a/metrics.csv:1: expected the header',
  );
  expect(() => metricsFromCsv(`${metricsToCsv(rows)}2,train,1\n`, 'm.csv')).toThrow(
    'm.csv:4: not a metrics row: 2,train,1',
  );
});

test('balanced errors are in a separate file, and the columns of metrics.csv do not change', () => {
  const [train, val] = rows as [MetricsRow, MetricsRow];
  const balanced: MetricsRow[] = [train, { ...val, balanced_top1err: 0.1 + 0.2 }];
  expect(metricsToCsv(balanced)).toBe(metricsToCsv(rows));
  const text = balancedErrorsToCsv(balanced);
  expect(text).toBe('epoch,balanced_top1err\n1,0.30000000000000004\n');
  expect(withBalancedErrors(metricsFromCsv(metricsToCsv(rows), 'm'), text, 'b')).toEqual(balanced);
  expect(() => withBalancedErrors(rows, 'epoch,balanced_top1err\n1,x\n', 'b.csv')).toThrow(
    'b.csv:2: not a metrics row: 1,x',
  );
});

test('rows without a balanced error, as in checkpoints of earlier versions, are valid', () => {
  expect(metricsRowSchema.parse(rows[0])).toEqual(rows[0]);
  expect(balancedErrorsToCsv(rows)).toBe('epoch,balanced_top1err\n');
  expect(withBalancedErrors(rows, balancedErrorsToCsv(rows), 'b')).toEqual(rows);
});
