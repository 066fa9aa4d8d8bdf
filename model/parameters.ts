/**
 * The parameters of a network, by name. Outside an engine they have one layout: float32, kernels `[filters,
 * channels, kernelPx, kernelPx]`, all others one value per channel. Engines convert on input and output.
 */
import { parameterSpecs, trainedSpecs } from './description.ts';
import { TexturaError } from './error.ts';
import { count } from './format.ts';
import { type ParameterSpec, volume } from './layer.ts';
import type { Network } from './network.ts';
import { randomStream } from './random.ts';
import { decodeTensors } from './safetensors.ts';

export type Parameters = ReadonlyMap<string, Float32Array>;

/**
 * The state of training: parameters with running averages, and a momentum buffer for each trained parameter.
 */
export interface TrainingState {
  readonly parameters: Parameters;
  readonly momentum: Parameters;
}

/**
 * Initial values: normal with the specified deviation for kernels, constant for the others. The random stream
 * is named after the parameter, so variants with the same seed share the initial values of common layers.
 */
export function initialParameters(network: Network, seed: number): Parameters {
  return new Map(
    parameterSpecs(network).map(({ name, shape, initialDeviation, initialValue }) => {
      const values = new Float32Array(volume(shape)).fill(initialValue);
      if (initialDeviation > 0) {
        const random = randomStream(seed, 'initial value', name);
        for (let i = 0; i < values.length; i++) values[i] = initialValue + random.normal() * initialDeviation;
      }
      return [name, values];
    }),
  );
}

/** Momentum buffers before the first step: zeros in the shape of each trained parameter. */
export function zeroParameters(network: Network): Parameters {
  return new Map(trainedSpecs(network).map(({ name, shape }) => [name, new Float32Array(volume(shape))]));
}

/**
 * Checks that `parameters` has exactly the network's parameters with their sizes. Errors: `file-damaged`,
 * naming `where`.
 */
export function checkParameters(network: Network, parameters: Parameters, where: string): void {
  checkValues(network, parameterSpecs(network), parameters, where);
}

/** Checks parameters and momentum buffers. Errors: `file-damaged`, naming `where`. */
export function checkState(network: Network, { parameters, momentum }: TrainingState, where: string): void {
  checkValues(network, parameterSpecs(network), parameters, where);
  checkValues(network, trainedSpecs(network), momentum, `${where}, momentum`);
}

function checkValues(
  network: Network,
  specs: readonly ParameterSpec[],
  values: Parameters,
  where: string,
): void {
  for (const { name, shape } of specs) {
    const size = volume(shape);
    const got = values.get(name)?.length ?? 0;
    if (got === size) continue;
    const expected = `[${shape}] (${count(size)} values) in ${network.name} of this version of Textura`;
    throw new TexturaError('file-damaged', `${where}: ${name}: expected ${expected}, got ${count(got)}`);
  }
  const known = new Set(specs.map(({ name }) => name));
  const unknown = [...values.keys()].filter((name) => !known.has(name));
  if (unknown.length > 0) {
    throw new TexturaError('file-damaged', `${where}: network ${network.name} has no ${unknown.join(', ')}`);
  }
}

/**
 * The parameters in a file of tensors, such as model.safetensors of a run. Errors: `file-damaged`, naming
 * `where`.
 */
export function storedParameters(file: Uint8Array, network: Network, where: string): Parameters {
  const { tensors } = decodeTensors(file, where);
  const parameters = new Map([...tensors].map(([name, { data }]) => [name, new Float32Array(data)]));
  checkParameters(network, parameters, where);
  return parameters;
}

/** The values of one parameter. Errors: `internal` if it is missing. */
export function parameter(parameters: Parameters, name: string): Float32Array {
  const values = parameters.get(name);
  if (values === undefined) throw new TexturaError('internal', `parameter ${name} is missing`);
  return values;
}
