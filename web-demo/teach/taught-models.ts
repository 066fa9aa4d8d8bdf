import type { ListedModel } from '../inference/model-list.ts';
export async function taughtModels(): Promise<readonly ListedModel[]> {
  return [];
}
