/** The networks that a study compares: the paper's reference or texture-net, and what each lacks a part of. */
import { textureNetPartNames, variantNames } from '../model/network.ts';
import type { StudyArm } from '../model/study-file.ts';

/** Networks whose parts a study can remove. */
export const studiedNetworks = ['reference', 'texture-net'] as const;
export type StudiedNetwork = (typeof studiedNetworks)[number];

/** The whole network first. */
const families: { readonly [N in StudiedNetwork]: readonly StudyArm[] } = {
  reference: variantNames.map((variant) => ({ name: variant, variant, width: 1 })),
  'texture-net': [
    { name: 'texture-net', variant: 'texture-net', width: 1 },
    ...textureNetPartNames.map((variant): StudyArm => ({ name: variant, variant, width: 1 })),
    { name: 'texture-net-no-augmentation', variant: 'texture-net', width: 1, augment: 'none' },
  ],
};

/** In the order of a study. */
export function familyOf(network: StudiedNetwork): readonly StudyArm[] {
  return families[network];
}

/** The network whose parts the study removes. */
export function studiedNetworkOf(arms: readonly StudyArm[]): StudiedNetwork {
  return arms[0]?.variant === 'texture-net' ? 'texture-net' : 'reference';
}
