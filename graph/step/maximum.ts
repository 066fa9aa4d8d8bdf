/**
 * The largest of several values, place by place, and who won. Where values tie the first of them wins and takes the whole gradient,
 * as in every framework: a gradient is neither lost nor doubled on a flat patch.
 */
import type { Graph } from '../builder.ts';
import { graphFault, type Value } from '../value.ts';

export interface Maximum {
  readonly value: Value;
  /** For each of the values a bool mask; at every place exactly one of them is true. Adds its nodes when called. */
  winners(): readonly Value[];
}

export function maximum(graph: Graph, values: readonly Value[], name: string): Maximum {
  const [first, ...others] = values;
  if (first === undefined) throw graphFault(`${name}: the maximum of nothing`);
  // Before each challenger: the largest so far.
  const largest: Value[] = [first];
  others.forEach((challenger, i) => {
    const isLast = i === others.length - 1;
    const best = largest[i] as Value;
    largest.push(graph.node('Max', [best, challenger], { name: isLast ? name : `${name}.${i}` }));
  });
  const value = largest.at(-1) as Value;

  function winners(): readonly Value[] {
    const stays = others.map((challenger, i) =>
      graph.node('GreaterOrEqual', [largest[i] as Value, challenger], { name: `${name}.stays${i}` }),
    );
    return values.map((_, i) => wonBy(graph, stays, i, `${name}.won${i}`));
  }
  return { value, winners };
}

/** Value `i` won if it beat the largest before it and none after it beat the largest. */
function wonBy(graph: Graph, stays: readonly Value[], i: number, name: string): Value {
  const beaten = stays[i - 1];
  const arrived = beaten === undefined ? [] : [graph.node('Not', [beaten], { name: `${name}.arrives` })];
  const [first, ...conditions] = [...arrived, ...stays.slice(i)];
  if (first === undefined) throw graphFault(`${name}: a single value has no winner`);
  return conditions.reduce((all, condition) => graph.node('And', [all, condition]), first);
}
