/** From a trained run to the bytes of its ONNX files: which graphs there are, and what they say about themselves. */
import { basename } from 'node:path';
import type { Graph } from '../graph/builder.ts';
import { encodeModel } from '../graph/encode.ts';
import { forwardGraph } from '../graph/forward.ts';
import { throughputGraph } from '../graph/throughput.ts';
import { type GraphKind, metadataKeys, modelDocs, modelInput, type Opset } from '../model/model-file.ts';
import type { TrainedRun } from './run-directory.ts';

/** The graphs that can be exported. */
export const exportedGraphs = ['portable', 'throughput'] as const satisfies readonly GraphKind[];
export type ExportedGraph = (typeof exportedGraphs)[number];

const builders: { readonly [K in ExportedGraph]: (trained: TrainedRun, opset: Opset) => Graph } = {
  portable: ({ network, parameters }, opset) => forwardGraph(network, parameters, { opset }),
  throughput: ({ network, parameters }, opset) => throughputGraph(network, parameters, { opset }),
};

const fileSuffixes: { readonly [K in GraphKind]: string } = {
  portable: '.onnx',
  throughput: '.throughput.onnx',
};

/** `reference.onnx`, `reference.throughput.onnx`. */
export function modelFileName(variant: string, kind: GraphKind): string {
  return variant + fileSuffixes[kind];
}

/** The bytes of one of a run's ONNX files. The same run gives the same bytes. */
export function modelBytes(
  trained: TrainedRun,
  kind: ExportedGraph,
  opset: Opset,
  version: string,
): Uint8Array {
  return encodeModel(builders[kind](trained, opset), {
    producerName: 'textura',
    producerVersion: version,
    metadata: modelMetadata(trained),
    docs: modelDocs(trained.network.name, trained.run.labels, trained.run.config.patchPx),
  });
}

function modelMetadata({ directory, run, network }: TrainedRun): Record<string, string> {
  const { config, best, data } = run;
  const origin = {
    name: basename(directory),
    variant: config.variant,
    seed: config.seed,
    epoch: best?.epoch,
    engine: run.stretches.at(-1)?.engine,
    data: data.fingerprint,
    textura: run.textura,
  };
  return {
    [metadataKeys.labels]: JSON.stringify(run.labels),
    [metadataKeys.input]: JSON.stringify(modelInput(config.patchPx)),
    [metadataKeys.network]: JSON.stringify(network),
    [metadataKeys.run]: JSON.stringify(origin),
  };
}
