/** The OpenAPI description at /openapi.json, generated from the schemas that validate requests. */
import { z } from 'zod';
import { errorCodes, errorMeanings, type TexturaErrorCode } from '../../model/error.ts';
import {
  inferAnswerSchema,
  inferProblemSchema,
  inferRequestSchema,
  modelMetadataSchema,
  serverMetadataSchema,
} from '../../model/open-inference.ts';
import {
  classifyAnswerSchema,
  classifyQuerySchema,
  imagesBodySchema,
  modelListSchema,
  problemMediaType,
  problemSchema,
} from '../../model/service.ts';
import { productVersion } from '../../node/product-version.ts';

type Json = Record<string, unknown>;

const components: Readonly<Record<string, z.ZodType>> = {
  ClassifyAnswer: classifyAnswerSchema,
  ImagesBody: imagesBodySchema,
  ModelList: modelListSchema,
  Problem: problemSchema,
  InferProblem: inferProblemSchema,
  InferRequest: inferRequestSchema,
  InferAnswer: inferAnswerSchema,
  ModelMetadata: modelMetadataSchema,
  ServerMetadata: serverMetadataSchema,
  Ready: z.looseObject({}),
};

export function openApi(needsKey: boolean): Json {
  return {
    openapi: '3.1.0',
    info: {
      title: 'Textura',
      version: productVersion(),
      description: 'Classifies textures in photographs with models that Textura trained and exported.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    // Relative to this document: a proxy may serve it under any path.
    servers: [{ url: '.' }],
    paths: { ...classifyPath(), ...modelPaths(), ...operationPaths(), ...protocolPaths() },
    components: {
      schemas: Object.fromEntries(
        Object.entries(components).map(([name, schema]) => [name, schemaOf(schema)]),
      ),
      ...(needsKey ? { securitySchemes: { key: { type: 'http', scheme: 'bearer' } } } : {}),
    },
    ...(needsKey ? { security: [{ key: [] }] } : {}),
  };
}

function schemaOf(schema: z.ZodType): Json {
  const { $schema: _, ...json } = z.toJSONSchema(schema, { io: 'output' });
  return json;
}

const reference = (name: keyof typeof components) => ({ $ref: `#/components/schemas/${name}` });

function answer(description: string, name: keyof typeof components, type = 'application/json'): Json {
  return { description, content: { [type]: { schema: reference(name) } } };
}

/** The error responses of a route, by status, each with its possible codes. */
function problems(statuses: readonly number[], schema: keyof typeof components = 'Problem'): Json {
  return Object.fromEntries(
    statuses.map((status) => {
      const codes = (Object.keys(errorCodes) as TexturaErrorCode[]).filter(
        (code) => errorCodes[code].http === status,
      );
      const description = codes.map((code) => `\`${code}\`: ${errorMeanings[code]}`).join('; ');
      return [String(status), answer(description, schema, problemMediaType)];
    }),
  );
}

const binary = { schema: { type: 'string', format: 'binary' } };

function classifyPath(): Json {
  const form = {
    type: 'object',
    required: ['image'],
    properties: { image: { type: 'array', minItems: 1, items: { type: 'string', format: 'binary' } } },
    additionalProperties: false,
  };
  return {
    '/classify': {
      post: {
        operationId: 'classify',
        summary: 'Classifies one or more images',
        description:
          'A raw image, a multipart form with parts named `image`, or JSON with base64. The image type is detected from ' +
          'the content, not from the declared type. If an image cannot be used, the whole request fails and the message names it.',
        parameters: queryParameters(classifyQuerySchema),
        requestBody: {
          required: true,
          content: {
            'image/*': binary,
            'application/octet-stream': binary,
            'multipart/form-data': { schema: form },
            'application/json': { schema: reference('ImagesBody') },
          },
        },
        responses: {
          200: answer('One result per image, in order.', 'ClassifyAnswer'),
          ...problems([400, 401, 404, 408, 413, 415, 422, 500, 503, 504]),
        },
      },
    },
  };
}

function queryParameters(schema: z.ZodObject): readonly Json[] {
  const { properties = {} } = z.toJSONSchema(schema, { io: 'output' });
  return Object.entries(properties).map(([name, property]) => ({
    name,
    in: 'query',
    required: false,
    schema: property,
  }));
}

function pathParameter(name: string, description: string): Json {
  return { name, in: 'path', required: true, description, schema: { type: 'string' } };
}

function get(
  operationId: string,
  summary: string,
  ok: Json,
  statuses: readonly number[] = [],
  schema: keyof typeof components = 'Problem',
): Json {
  return { get: { operationId, summary, responses: { 200: ok, ...problems(statuses, schema) } } };
}

function modelPaths(): Json {
  const file = {
    description: 'The file.',
    content: { 'application/octet-stream': {}, 'application/json': {} },
  };
  return {
    '/models': get('listModels', 'Lists the models', answer('Models.', 'ModelList'), [401]),
    '/models/{file}': {
      parameters: [pathParameter('file', 'A file from GET /models')],
      ...get('modelFile', 'Downloads a file of a model', file, [400, 401, 404, 503]),
    },
  };
}

function operationPaths(): Json {
  const state = { type: 'object', properties: { status: { type: 'string' } } };
  const status = (description: string) => ({
    description,
    content: { 'application/json': { schema: state } },
  });
  const metrics = { description: 'Samples.', content: { 'text/plain': { schema: { type: 'string' } } } };
  const ready = {
    200: status('Ready.'),
    503: status('Not ready: models are loading, there is no model, or the service is shutting down.'),
  };
  return {
    '/healthz': get('health', 'Liveness', status('Live.')),
    '/readyz': { get: { operationId: 'ready', summary: 'Readiness', responses: ready } },
    '/metrics': get('metrics', 'Prometheus metrics', metrics, [401]),
  };
}

function protocolPaths(): Json {
  const ready = answer('Ready.', 'Ready');
  const name = pathParameter('name', 'A model from GET /models');
  const jsonOrBinary = (schema: keyof typeof components) => ({
    'application/json': { schema: reference(schema) },
    'application/octet-stream': binary,
  });
  const infer = {
    operationId: 'infer',
    summary: 'Runs a model on patches: float32 [N,1,64,64], grey levels 0..255',
    description:
      'JSON, or JSON with binary tensors after it; then `Inference-Header-Content-Length` has the length of the JSON.',
    requestBody: { required: true, content: jsonOrBinary('InferRequest') },
    responses: {
      200: {
        description: 'Outputs, in JSON or, if requested, binary after it.',
        content: jsonOrBinary('InferAnswer'),
      },
      ...problems([400, 401, 404, 408, 413, 415, 500, 503, 504], 'InferProblem'),
    },
  };
  return {
    '/v2': get(
      'serverMetadata',
      'Open Inference Protocol: server metadata',
      answer('Metadata.', 'ServerMetadata'),
    ),
    '/v2/health/live': get('live', 'Open Inference Protocol: liveness', ready),
    '/v2/health/ready': {
      get: {
        operationId: 'serverReady',
        summary: 'Open Inference Protocol: readiness',
        responses: { 200: ready, 503: answer('Not ready.', 'Ready') },
      },
    },
    '/v2/models/{name}': {
      parameters: [name],
      ...get(
        'modelMetadata',
        'Open Inference Protocol: model metadata',
        answer('Metadata.', 'ModelMetadata'),
        [400, 401, 404, 503],
        'InferProblem',
      ),
    },
    '/v2/models/{name}/ready': {
      parameters: [name],
      ...get(
        'modelReady',
        'Open Inference Protocol: model readiness',
        ready,
        [400, 401, 404, 503],
        'InferProblem',
      ),
    },
    '/v2/models/{name}/infer': { parameters: [name], post: infer },
  };
}
