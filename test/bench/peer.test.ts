import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { networkOf, variantNames } from '../../model/network.ts';

test('the training programs in Python handle every layer kind of every network', async () => {
  const kinds = new Set(variantNames.flatMap((name) => networkOf(name, 25).layers.map(({ kind }) => kind)));
  for (const program of ['torch_step.py', 'tensorflow_step.py']) {
    const source = await readFile(new URL(`../../bench/peer/${program}`, import.meta.url), 'utf8');
    const handled = [...source.matchAll(/kind == "(\w+)"/g)].map(([, kind]) => kind);
    expect(handled, program).toEqual(expect.arrayContaining([...kinds]));
  }
});
