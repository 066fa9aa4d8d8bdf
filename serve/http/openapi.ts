/** The description of the service at /openapi.json, made from the schemas that validate. */
import { z } from 'zod';
import { errorCodes } from '../../model/error.ts';
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
      description:
        'Names the texture of a surface in a photograph, with models trained and exported by Textura.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    // Relative to this document: a proxy may put the service at any path.
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

/** The problems that an address can answer, by status, each with the codes that it may have. */
function problems(statuses: readonly number[], schema: keyof typeof components = 'Problem'): Json {
  return Object.fromEntries(
    statuses.map((status) => {
      const codes = Object.entries(errorCodes).filter(([, { http }]) => http === status);
      const description = codes.map(([code, { means }]) => `\`${code}\`: ${means}`).join('; ');
      return [String(status), answer(description, schema, problemMediaType)];
    }),
  );
}

function classifyPath(): Json {
  const binary = { schema: { type: 'string', format: 'binary' } };
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
        summary: 'Names the texture of one image or several',
        description:
          'A raw image, a form with parts named `image`, or JSON with base64. The bytes decide what an image is, ' +
          'not the declared type. An image that cannot be used fails the whole request and is named.',
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
          200: answer('One result an image, in order.', 'ClassifyAnswer'),
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
    '/models': get('listModels', 'The models that answer', answer('Models.', 'ModelList'), [401]),
    '/models/{file}': {
      parameters: [pathParameter('file', 'A file that GET /models lists')],
      ...get('modelFile', 'A file of a model, e.g. its ONNX', file, [400, 401, 404, 503]),
    },
  };
}

function operationPaths(): Json {
  const state = { type: 'object', properties: { status: { type: 'string' } } };
  const says = (description: string) => ({ description, content: { 'application/json': { schema: state } } });
  const metrics = { description: 'Samples.', content: { 'text/plain': { schema: { type: 'string' } } } };
  const ready = {
    200: says('It may.'),
    503: says(
      'Models are loading, there is none, the service is about to end, or it has lost memory for uploads.',
    ),
  };
  return {
    '/healthz': get('health', 'Whether the process lives', says('It does.')),
    '/readyz': { get: { operationId: 'ready', summary: 'Whether requests may be sent', responses: ready } },
    '/metrics': get('metrics', 'Metrics for Prometheus', metrics, [401]),
  };
}

function protocolPaths(): Json {
  const ready = answer('It is.', 'Ready');
  const name = pathParameter('name', 'A model that GET /models lists');
  const infer = {
    operationId: 'infer',
    summary: 'Logits and probabilities of patches, float32 [N,1,64,64] of grey levels 0..255',
    requestBody: { required: true, content: { 'application/json': { schema: reference('InferRequest') } } },
    responses: {
      200: answer('Outputs, in JSON or, where asked for, after it.', 'InferAnswer'),
      ...problems([400, 401, 404, 408, 413, 415, 500, 503, 504], 'InferProblem'),
    },
  };
  return {
    '/v2': get(
      'serverMetadata',
      'Open Inference Protocol: the server',
      answer('Metadata.', 'ServerMetadata'),
    ),
    '/v2/health/live': get('live', 'Open Inference Protocol: whether the process lives', ready),
    '/v2/health/ready': {
      get: {
        operationId: 'serverReady',
        summary: 'Open Inference Protocol: readiness',
        responses: { 200: ready, 503: answer('It is not.', 'Ready') },
      },
    },
    '/v2/models/{name}': {
      parameters: [name],
      ...get(
        'modelMetadata',
        'Open Inference Protocol: a model',
        answer('Metadata.', 'ModelMetadata'),
        [400, 401, 404, 503],
        'InferProblem',
      ),
    },
    '/v2/models/{name}/ready': {
      parameters: [name],
      ...get(
        'modelReady',
        'Open Inference Protocol: whether a model answers',
        ready,
        [400, 401, 404, 503],
        'InferProblem',
      ),
    },
    '/v2/models/{name}/infer': { parameters: [name], post: infer },
  };
}
