import { expect, test } from 'vitest';
import type { Inspection } from '../../model/inspection-file.ts';
import { inspectionPage } from '../../report/inspection-page.ts';
import { parsed, texts } from '../support/parsed-markup.ts';

/** Of photographs of which the first ones have suspicious labels. */
function inspectionOf(suspicious: number, others: number): Inspection {
  const listed = Array.from({ length: suspicious + others }, (_, i) => ({
    file: `oak/${i}.png`,
    label: 'oak',
    probability: 0.9,
    suggestion: 'pine',
    suggestionProbability: 0.1,
    isSuspicious: i < suspicious,
  }));
  return {
    textura: '0.0.0',
    startedAt: '2026-01-01T00:00:00.000Z',
    data: { source: 'photos', photographs: 50, classes: [], unusable: [], notes: [] },
    labels: { checked: 50, disagreement: 0, suspicious, listed },
    duplicates: [],
    oddities: [],
  };
}

test.each([
  [2, 10, 'The next 10 labels, which are probably right'],
  [2, 1, 'The next label, which is probably right'],
  [0, 12, 'The 12 least certain labels, which are probably right'],
])('after %i suspicious labels the next %i are folded', (suspicious, others, title) => {
  const page = parsed(inspectionPage(inspectionOf(suspicious, others), new Map(), undefined));
  expect(texts(page, 'summary')).toEqual([title]);
});
