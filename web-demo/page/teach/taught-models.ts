/** The network that was taught here, offered like an exported one. */

import { type TaughtResult, taughtName } from '../../shared/teaching-messages.ts';
import type { ListedModel } from '../inference/model-list.ts';
import { openTeachingStore } from './store.ts';

/** The same file on the same provider repeats itself; another one sums in another order. */
const tolerance = 1e-4;

export async function taughtModels(): Promise<readonly ListedModel[]> {
  const store = await openTeachingStore();
  const kept = await store.model();
  return kept === undefined ? [] : [listedTaught(kept)];
}

export function listedTaught({ model, labels, selfCheck, heldOut }: TaughtResult): ListedModel {
  return {
    name: taughtName,
    labels,
    bytes: model.length,
    top1err: heldOut.wrong / heldOut.count,
    taught: true,
    source: async () => ({ name: taughtName, file: model, selfCheck, tolerance }),
  };
}
