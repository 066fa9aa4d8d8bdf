/** Reads the trained values of an exported file: its initializers, by the names of the parameters. */
import { TexturaError } from '../../model/error.ts';
import type { KnownMaps } from '../../model/known-score.ts';
import type { Network } from '../../model/network.ts';
import { checkParameters, type Parameters } from '../../model/parameters.ts';
import { dtypes, type Message } from './format.ts';
import { decodeMessage } from './protobuf.ts';

/**
 * The trained values of a portable file, whose initializers have the parameters' names. Errors:
 * `model-unusable`, `file-damaged`.
 */
export function modelParameters(bytes: Uint8Array, network: Network, where: string): Parameters {
  const initializers = decodeMessage('Model', bytes, where).graph?.initializer ?? [];
  const stored = new Map(initializers.map((tensor) => [tensor.name ?? '', tensor]));
  const names = network.layers.flatMap(({ kind, name }) =>
    kind === 'convolution' ? [`${name}.kernel`, `${name}.bias`] : [],
  );
  const parameters = new Map(names.map((name) => [name, floatsOf(stored.get(name), where)] as const));
  checkParameters(network, parameters, where);
  return parameters;
}

/** The maps of a portable file's known scores. Errors: as `modelParameters`. */
export function modelKnownMaps(bytes: Uint8Array, where: string): KnownMaps {
  const initializers = decodeMessage('Model', bytes, where).graph?.initializer ?? [];
  const valuesOf = (name: string) =>
    floatsOf(
      initializers.find((tensor) => tensor.name === `known.${name}`),
      where,
    );
  const [classKernel, classBias] = [valuesOf('classes.kernel'), valuesOf('classes.bias')];
  const [spreadKernel, spreadBias] = [valuesOf('spread.kernel'), valuesOf('spread.bias')];
  const classes = classBias.length;
  return {
    features: classKernel.length / classes,
    classes,
    classKernel,
    classBias,
    spreadKernel,
    spreadBias,
  };
}

/**
 * Little-endian float32 values; the copy is aligned whatever the offset in the file. None if there is no such
 * tensor. Errors: `file-damaged` for other element types, such as float16.
 */
function floatsOf(tensor: Message<'Tensor'> | undefined, where: string): Float32Array {
  const { name, dataType, rawData = new Uint8Array() } = tensor ?? {};
  if (tensor !== undefined && (dataType !== dtypes.float32.code || rawData.length % 4 !== 0))
    throw new TexturaError('file-damaged', `${where}: ${name}: expected float32 values`);
  return new Float32Array(new Uint8Array(rawData).buffer);
}
