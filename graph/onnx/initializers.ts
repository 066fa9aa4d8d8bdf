/** Reads the trained values of an exported file: its initializers, by the names of the parameters. */
import type { Network } from '../../model/network.ts';
import { checkParameters, type Parameters } from '../../model/parameters.ts';
import { decodeMessage } from './protobuf.ts';

/**
 * The trained values of a portable file, whose initializers have the parameters' names. Errors:
 * `model-unusable`, `file-damaged`.
 */
export function modelParameters(bytes: Uint8Array, network: Network, where: string): Parameters {
  const initializers = decodeMessage('Model', bytes, where).graph?.initializer ?? [];
  const stored = new Map(initializers.map(({ name = '', rawData }) => [name, rawData]));
  const names = network.layers.flatMap(({ kind, name }) =>
    kind === 'convolution' ? [`${name}.kernel`, `${name}.bias`] : [],
  );
  const parameters = new Map(names.map((name) => [name, floatsOf(stored.get(name))] as const));
  checkParameters(network, parameters, where);
  return parameters;
}

/** Little-endian float32 values; the copy is aligned whatever the offset in the file. */
function floatsOf(bytes: Uint8Array = new Uint8Array()): Float32Array {
  return new Float32Array(new Uint8Array(bytes).buffer);
}
