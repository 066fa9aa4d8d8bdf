import { expect, test } from 'vitest';
import { trainedNames } from '../../model/network.ts';
import { recipeOption, recipeSettings } from '../../model/training-config.ts';

test.each(trainedNames)('the help has the epochs and the rate of the default recipe for %s', (network) => {
  const { epochs, learningRate } = recipeSettings('default', network);
  const numbers = recipeOption.description?.match(/[\d.]*\d/g) ?? [];
  for (const number of [epochs, learningRate]) expect(numbers).toContain(String(number));
});
