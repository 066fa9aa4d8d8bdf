/**
 * The Open Inference Protocol, version 2, for clients of KServe and Triton. Tensors are JSON or binary
 * float32.
 */
import type { NextFunction, Request, RequestHandler, Response } from 'express';
import { patchProbabilities } from '../../model/calibration.ts';
import { TexturaError } from '../../model/error.ts';
import { graphNames } from '../../model/graph-names.ts';
import {
  type InferAnswer,
  type InferRequest,
  jsonLengthHeader,
  type ModelMetadata,
} from '../../model/open-inference.ts';
import { inputPx } from '../../model/patch.ts';
import type { PatchOutputs } from '../../node/onnxruntime.ts';
import { productVersion } from '../../node/product-version.ts';
import type { ServedModel } from '../registry/registry.ts';
import type { Service } from '../service.ts';
import { wrappingBytes } from '../upload-budget.ts';
import { readBody, uploadRoute } from './body.ts';
import { exchangeOf, sendJson } from './exchange.ts';
import { excerpt } from './problem.ts';
import { refuseEncodings } from './request-images.ts';

/** Maximum patches in one request; 16 MiB of float32. */
const maxPatches = 1024;
const modelVersion = '1';

export function serverMetadataRoute(_request: Request, response: Response): void {
  sendJson(response, { name: 'textura', version: productVersion(), extensions: ['binary_tensor_data'] });
}

export function liveRoute(_request: Request, response: Response): void {
  sendJson(response, { live: true });
}

export function protocolReadyRoute(service: Service) {
  return async (_request: Request, response: Response): Promise<void> => {
    const ready = await service.isServiceReady();
    if (!ready) response.statusCode = 503;
    sendJson(response, { ready });
  };
}

export function modelReadyRoute({ registry }: Service) {
  return (request: Request, response: Response): void => {
    registry.lease(nameOf(request)).release();
    sendJson(response, { name: nameOf(request), ready: true });
  };
}

export function modelMetadataRoute({ registry }: Service) {
  return (request: Request, response: Response): void => {
    const { model, release } = registry.lease(nameOf(request));
    release();
    sendJson(response, metadataOf(model));
  };
}

export function inferRoute({ registry, classifier, uploads }: Service): RequestHandler {
  return uploadRoute(uploads, async (upload) => {
    const { request, response, client, signal } = upload;
    const { model, release } = registry.lease(nameOf(request));
    try {
      refuseEncodings(request);
      const jsonBytes = jsonLengthOf(request);
      const body = await readBody(upload, upload.limits.maxUploadBytes + wrappingBytes);
      const limits = { jsonBytes, maxPatches };
      const parsed = await uploads.preparation.parseTensors(client, body, limits, signal);
      const computed = await classifier.infer({ client, model, values: parsed.values, signal });
      sendAnswer(response, model, parsed.request, computed);
    } finally {
      release();
    }
  });
}

/** The protocol's clients read the message from `error`; RFC 9457 allows additional members. */
export function markProtocol(_request: Request, response: Response, next: NextFunction): void {
  exchangeOf(response).isOpenInference = true;
  next();
}

function nameOf(request: Request): string {
  if (request.params.version !== undefined && request.params.version !== modelVersion) {
    throw new TexturaError('model-not-found', `version: models have only version ${modelVersion}`);
  }
  return String(request.params.name);
}

function metadataOf({ name, labels, threshold }: ServedModel): ModelMetadata {
  const output = (tensor: string, size = labels.length): ModelMetadata['outputs'][number] => ({
    name: tensor,
    datatype: 'FP32',
    shape: [-1, size],
  });
  return {
    name,
    versions: [modelVersion],
    platform: 'onnxruntime_onnx',
    inputs: [{ name: graphNames.image, datatype: 'FP32', shape: [-1, 1, inputPx, inputPx] }],
    outputs: [
      output(graphNames.probabilities),
      output(graphNames.logits),
      ...(threshold === undefined ? [] : [output(graphNames.knownScore, 1)]),
    ],
  };
}

function jsonLengthOf({ headers }: Request): number | undefined {
  const text = headers[jsonLengthHeader];
  if (text === undefined) return undefined;
  if (typeof text === 'string' && /^\d{1,12}$/.test(text)) return Number(text);
  throw new TexturaError('usage', 'Inference-Header-Content-Length: expected a number of bytes');
}

interface OutputTensor {
  readonly name: string;
  readonly values: Float32Array;
  /** Values of one patch. */
  readonly size: number;
  readonly isBinary: boolean;
}

/** The requested outputs, by default all. */
function outputsOf(
  request: Pick<InferRequest, 'parameters' | 'outputs'>,
  { logits, knownScores }: PatchOutputs,
  { labels: { length: classes }, temperatures }: Pick<ServedModel, 'labels' | 'temperatures'>,
) {
  const computed = new Map<string, Pick<OutputTensor, 'values' | 'size'>>([
    [graphNames.probabilities, { values: patchProbabilities(logits, classes, temperatures), size: classes }],
    [graphNames.logits, { values: logits, size: classes }],
  ]);
  if (knownScores !== undefined) computed.set(graphNames.knownScore, { values: knownScores, size: 1 });
  const everything: InferRequest['outputs'] = [...computed.keys()].map((name) => ({ name }));
  const wanted = request.outputs?.length ? request.outputs : everything;
  return wanted.map(({ name, parameters }): OutputTensor => {
    const tensor = computed.get(name);
    if (tensor === undefined) {
      const names = [...computed.keys()].join(' or ');
      throw new TexturaError('usage', `outputs: expected ${names}, got ${excerpt(name)}`);
    }
    const isBinary = parameters?.binary_data ?? request.parameters?.binary_data_output ?? false;
    return { name, ...tensor, isBinary };
  });
}

function sendAnswer(
  response: Response,
  model: ServedModel,
  request: Pick<InferRequest, 'id' | 'parameters' | 'outputs'>,
  computed: PatchOutputs,
): void {
  const { name } = model;
  const outputs = outputsOf(request, computed, model);
  const answer: InferAnswer = {
    model_name: name,
    model_version: modelVersion,
    ...(request.id === undefined ? {} : { id: request.id }),
    outputs: outputs.map(({ name: output, values, size, isBinary }) => ({
      name: output,
      datatype: 'FP32',
      shape: [values.length / size, size],
      ...(isBinary ? { parameters: { binary_data_size: values.byteLength } } : { data: [...values] }),
    })),
  };
  const tensors = outputs
    .filter(({ isBinary }) => isBinary)
    .map(({ values }) => Buffer.from(values.buffer, values.byteOffset, values.byteLength));
  if (tensors.length === 0) {
    sendJson(response, answer);
    return;
  }
  const json = Buffer.from(JSON.stringify(answer));
  const body = Buffer.concat([json, ...tensors]);
  response.setHeader('Content-Type', 'application/octet-stream');
  response.setHeader('Inference-Header-Content-Length', json.length);
  response.setHeader('Content-Length', body.length);
  response.end(body);
}
