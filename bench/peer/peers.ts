/** The frameworks that people would train with instead: each a Python program that takes the same step of the same network. */
import { fileURLToPath } from 'node:url';
import type { Layer } from '../../model/layer.ts';
import type { PeerPackage } from './interpreter.ts';

/** How PyTorch is set: as people write it; with activations channel by channel beside each other; and with products in bfloat16 as well. */
export const pytorchSettings = ['default', 'channels_last', 'channels_last_bf16'] as const;
export type PytorchSetting = (typeof pytorchSettings)[number];

export const pytorch: PeerPackage = {
  name: 'PyTorch',
  module: 'torch',
  requirements: './requirements-pytorch.txt',
};
export const tensorflow: PeerPackage = {
  name: 'TensorFlow',
  module: 'tensorflow',
  requirements: './requirements-tensorflow.txt',
};

/** What a peer's program is asked to train. */
export interface PeerRequest {
  readonly layers: readonly Layer[];
  readonly classes: number;
  readonly batch: number;
  readonly threads: number;
}

export function pytorchArguments(request: PeerRequest, setting: PytorchSetting): readonly string[] {
  return programArguments('./torch_step.py', { ...request, setting });
}

export function tensorflowArguments(request: PeerRequest): readonly string[] {
  return programArguments('./tensorflow_step.py', request);
}

/** `-B`: no compiled files beside the sources. */
function programArguments(program: string, request: object): readonly string[] {
  return ['-B', fileURLToPath(new URL(program, import.meta.url)), JSON.stringify(request)];
}
