import { expect, test } from 'vitest';
import { describeLayers, totalsOf } from '../../model/description.ts';
import { networkOf, type VariantName, variantNames } from '../../model/network.ts';
import { controlMeasures } from '../../model/study-file.ts';
import { controlWidth } from '../../study/families.ts';

const classes = 25;
const totals = (variant: VariantName, width = 1) =>
  totalsOf(describeLayers(networkOf(variant, classes, { width })));

test('a control has the parameters, or the multiply-adds, of its ablation within one percent', () => {
  const fields = { params: 'parameters', macs: 'multiplyAdds' } as const;
  for (const variant of variantNames) {
    for (const measure of controlMeasures) {
      const width = controlWidth(variant, measure, classes);
      const [wanted, plain] = [totals(variant)[fields[measure]], totals('reference')[fields[measure]]];
      if (width === undefined) expect(wanted, variant).toBe(plain);
      else {
        const got = totals('reference', width)[fields[measure]];
        expect(Math.abs(got - wanted) / wanted, `${variant} ${measure}`).toBeLessThan(0.01);
      }
    }
  }
});

test('no other width is closer', () => {
  for (const [variant, measure, field] of [
    ['no-conv4-pool4', 'macs', 'multiplyAdds'],
    ['no-pool1', 'macs', 'multiplyAdds'],
    ['lab-baseline', 'params', 'parameters'],
  ] as const) {
    for (const count of [7, 25]) {
      const sizeOf = (name: VariantName, width = 1) =>
        totalsOf(describeLayers(networkOf(name, count, { width })))[field];
      const miss = (width: number) => Math.abs(sizeOf('reference', width) - sizeOf(variant));
      const width = controlWidth(variant, measure, count) ?? Number.NaN;
      const around = Array.from({ length: 9 }, (_, i) => miss(width + (i - 4) * 5e-4));
      expect(miss(width), `${variant} ${count}`).toBe(Math.min(...around));
    }
  }
});

test('an ablation of a ReLU needs no control, one of a pooling costs more, one of conv4 has fewer parameters', () => {
  expect(controlWidth('no-relu2', 'params', classes)).toBeUndefined();
  expect(controlWidth('no-relu2', 'macs', classes)).toBeUndefined();
  expect(controlWidth('no-pool1', 'macs', classes)).toBeGreaterThan(1);
  expect(controlWidth('no-conv4-pool4', 'params', classes)).toBeLessThan(1);
});
