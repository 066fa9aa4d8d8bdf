/** To which part of a step a node belongs, for whoever wants to know where the time goes. */
import type { Graph, GraphNode } from '../builder.ts';
import { stepNames } from './step.ts';

/** In the order in which a step computes. */
export const stepPhases = ['forward', 'backward', 'update'] as const;
export type StepPhase = (typeof stepPhases)[number];

/**
 * The phase of every node, by its name. Nodes stand in the order of computing: what comes up to the logits goes forward, and what comes
 * from the first use of the momentum on is the update.
 */
export function phasesOf(step: Graph): ReadonlyMap<string, StepPhase> {
  let phase: StepPhase = 'forward';
  let logitsDone = false;
  return new Map(
    step.content().nodes.map((node) => {
      if (logitsDone && phase === 'forward') phase = 'backward';
      if (readsMomentum(node)) phase = 'update';
      logitsDone ||= node.name === stepNames.logits;
      return [node.name, phase];
    }),
  );
}

function readsMomentum({ inputs }: GraphNode): boolean {
  return inputs.some(({ name }) => name === stepNames.momentum);
}
