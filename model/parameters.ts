/**
 * The trained values of a network, by name. One layout everywhere outside an engine: float32, kernels `[filters, channels,
 * kernelPx, kernelPx]`, everything else one value a channel. Engines convert at their own edge.
 */
import { parameterSpecs, trainedSpecs } from './description.ts';
import { TexturaError } from './error.ts';
import { type ParameterSpec, volume } from './layer.ts';
import type { Network } from './network.ts';
import { randomStream } from './random.ts';

export type Parameters = ReadonlyMap<string, Float32Array>;

/** What training changes: parameters with running averages, and the optimiser's momentum buffer of each trained parameter. */
export interface TrainingState {
  readonly parameters: Parameters;
  readonly momentum: Parameters;
}

/**
 * Initial values: normal with the specified deviation (He et al. 2015 for kernels), constant for the others. Each parameter draws from
 * a stream named by itself, so variants that share a layer and a seed share its initial values.
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

/** Checks that `parameters` has exactly the network's parameters in their sizes. Errors: `file-damaged`, naming `where`. */
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
    if (got !== size) {
      const expected = `[${shape}] (${size.toLocaleString('en')} values)`;
      throw new TexturaError(
        'file-damaged',
        `${where}: ${name}: expected ${expected}, got ${got.toLocaleString('en')}`,
      );
    }
  }
  const known = new Set(specs.map(({ name }) => name));
  const unknown = [...values.keys()].filter((name) => !known.has(name));
  if (unknown.length > 0) {
    throw new TexturaError('file-damaged', `${where}: network ${network.name} has no ${unknown.join(', ')}`);
  }
}

/** The values of one parameter. Errors: `internal` where the network's own parameter is missing. */
export function parameter(parameters: Parameters, name: string): Float32Array {
  const values = parameters.get(name);
  if (values === undefined) throw new TexturaError('internal', `parameter ${name} is missing`);
  return values;
}
