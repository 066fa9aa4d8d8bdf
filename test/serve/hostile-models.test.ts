import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import protobuf from 'protobufjs/minimal.js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  type IndexEntry,
  metadataKeys,
  modelIndexSchema,
  modelReportSchema,
} from '../../model/model-file.ts';
import { Model } from '../../serve/model.ts';
import { checkAllowList } from '../../serve/registry/graph-allow-list.ts';
import { modelCheckOf } from '../../serve/registry/model-check.ts';
import { SandboxCheck } from '../../serve/registry/sandbox-check.ts';
import { modelContents } from '../../web-demo/shared/model-contents.ts';
import { exportModels } from '../support/running-service.ts';
import { changed, type OnnxGraph, withGraph } from '../support/tampered-model.ts';

let folder: string;
let good: Buffer;
let entry: IndexEntry;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'textura-hostile-'));
  await exportModels(folder, [{ variant: 'lab-baseline' }]);
  good = await readFile(join(folder, 'lab-baseline.onnx'));
  const { models } = modelIndexSchema.parse(JSON.parse(await readFile(join(folder, 'index.json'), 'utf8')));
  [entry] = models as [IndexEntry];
});
afterAll(() => rm(folder, { recursive: true }));

/** The file with bytes of a field added at its end, which readers of protobuf take for a part of it. */
const withField = (number: number, write: (writer: protobuf.Writer) => void) => {
  const writer = new protobuf.Writer();
  writer.uint32((number << 3) | 2).fork();
  write(writer);
  return Buffer.concat([good, writer.ldelim().finish()]);
};

/**
 * The file with a tensor that lies in another one: TensorProto.external_data (13) and data_location (14)
 * EXTERNAL.
 */
const withExternalData = () => {
  const tensor = new protobuf.Writer();
  tensor.uint32((8 << 3) | 2).string('stolen');
  tensor.uint32((13 << 3) | 2).fork();
  tensor.uint32((1 << 3) | 2).string('location');
  tensor
    .uint32((2 << 3) | 2)
    .string('../../../../etc/passwd')
    .ldelim();
  tensor.uint32(14 << 3).int32(1);
  // A second graph field is merged with the first by readers of protobuf.
  return withField(7, (graph) => graph.uint32((5 << 3) | 2).bytes(tensor.finish()));
};

/** The file with parts of its graph replaced. */
const withParts = (change: (graph: OnnxGraph) => OnnxGraph) =>
  changed(
    good,
    withGraph((graph) => ({ ...graph, ...change(graph) })),
  );

type OnnxTensor = NonNullable<OnnxGraph['initializer']>[number];
const withTensors = (change: (tensor: OnnxTensor, index: number) => OnnxTensor) =>
  withParts(({ initializer = [] }) => ({ initializer: initializer.map(change) }));
const withFirstShape = (dims: number[]) =>
  withTensors((tensor, i) => (i === 0 ? { ...tensor, dims } : tensor));

const withLabels = (change: (text: string) => string) =>
  changed(good, ({ metadataProps = [], ...model }) => ({
    ...model,
    metadataProps: metadataProps.map(({ key = '', value = '' }) => ({
      key,
      value: key === metadataKeys.labels ? change(value) : value,
    })),
  }));

const hostile: readonly (readonly [string, () => Uint8Array, RegExp])[] = [
  ['is empty', () => new Uint8Array(), /graph|input/],
  ['is something else', () => Buffer.from('PK\u0003\u0004 not a model'), /ONNX/],
  ['is cut', () => good.subarray(0, good.length / 2), /valid ONNX/],
  ['has weights in another file', withExternalData, /input|does not write|graph/],
  [
    'has functions of its own',
    () => withField(25, (writer) => writer.uint32((1 << 3) | 2).string('Conv')),
    /does not write/,
  ],
  [
    'has a training graph',
    () => withField(20, (writer) => writer.uint32((1 << 3) | 2).string('x')),
    /does not write/,
  ],
  ['has fields that nobody knows', () => withField(1000, (writer) => writer.string('x')), /does not write/],
  ['nests groups without end', () => Buffer.alloc(300_000, 0x0b), /valid ONNX/],
  ['has an unknown operator', () => tampered('Relu', { opType: 'Loop' }), /operator.*Loop/],
  [
    'has an operator of another domain',
    () => tampered('Relu', { domain: 'com.microsoft' }),
    /com\.microsoft\.Relu/,
  ],
  [
    'declares weights that are larger than they are',
    () => withFirstShape([2 ** 40]),
    /do not match its shape/,
  ],
  ['has weights of a negative size', () => withFirstShape([-4, -1]), /do not match its shape/],
  [
    'has weights without data',
    () => withTensors(({ rawData: _, ...tensor }) => tensor),
    /do not match its shape/,
  ],
  [
    'has more nodes than a network',
    () => withParts(() => ({ node: Array.from({ length: 5000 }, () => ({ opType: 'Relu' })) })),
    /nodes, more than the limit/,
  ],
  [
    'takes another shape',
    () => {
      const shape = { dim: [{ dimParam: 'N' }, { dimValue: 3 }, { dimValue: 64 }, { dimValue: 64 }] };
      const type = { tensorType: { elemType: 1, shape } };
      return withParts(({ input = [] }) => ({ input: input.map((each) => ({ ...each, type })) }));
    },
    /expected float32 \[N,1,64,64\]/,
  ],
  [
    'has other labels than the index says',
    () => withLabels((text) => text.replace('bark', 'bork')),
    /labels differ/,
  ],
];

function tampered(opType: string, change: Record<string, string>): Uint8Array {
  return withParts(({ node = [] }) => ({
    node: node.map((each) => (each.opType === opType ? { ...each, ...change } : each)),
  }));
}

describe('a file in the folder of models', () => {
  test('that was exported passes', () => {
    expect(() => checkAllowList(good, 'good.onnx', entry)).not.toThrow();
  });

  test.each(hostile)('that %s is rejected before onnxruntime reads it', (_, make, message) => {
    expect(() => checkAllowList(make(), 'bad.onnx', entry)).toThrow(message);
  });
});

test('a file with a duplicate label is rejected by the service, npm run classify and the page', async () => {
  const labels = (change: (labels: string[]) => string[]) =>
    withLabels((text) => JSON.stringify(change(JSON.parse(text))));
  const path = join(folder, 'twins.onnx');
  const twice = [
    labels(([first = '', , ...others]) => [first, first, ...others]),
    labels(([, , ...others]) => ['caf\u00e9', 'cafe\u0301', ...others]),
  ];
  for (const bytes of twice) {
    await writeFile(path, bytes);
    const refused = {
      code: 'model-unusable',
      message: expect.stringMatching(/textura\.labels: expected unique labels, got "\S+" twice/),
    };
    expect(() => checkAllowList(bytes, path, entry)).toThrow(expect.objectContaining(refused));
    await expect(Model.load(path)).rejects.toMatchObject(refused);
    expect(() => modelContents(bytes, path)).toThrow(expect.objectContaining(refused));
  }
});

describe('a file in the sandbox check', () => {
  const pass = async (bytes: Uint8Array, limits = { timeoutMs: 60_000, memoryBytes: 2 ** 31 }) => {
    const path = join(folder, 'tried.onnx');
    await writeFile(path, bytes);
    const report = modelReportSchema.parse(JSON.parse(await readFile(join(folder, entry.report), 'utf8')));
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    const sandbox = new SandboxCheck(limits);
    try {
      const graphs = [{ name: 'tried.onnx', path, sha256 }];
      await sandbox.run({ entry, graphs, check: modelCheckOf(report, entry.report) });
    } finally {
      sandbox.close();
    }
  };

  test('passes if its outputs match its report', async () => {
    await pass(good);
  });

  test('is rejected with the difference if its outputs do not match', async () => {
    const other = withTensors((tensor) => ({
      ...tensor,
      ...(tensor.rawData === undefined ? {} : { rawData: tensor.rawData.toReversed() }),
    }));
    await expect(pass(other)).rejects.toMatchObject({
      code: 'parity-failed',
      message: expect.stringMatching(/differ from the report by (0\.\d+|Infinity) \(allowed 0\.0001\)/),
    });
  });

  test('is rejected if it would exhaust memory, and the service keeps running', async () => {
    // Each Concat doubles: 2^40 values come of 4,096.
    const bomb = withParts(({ node = [] }) => ({
      node: [
        ...Array.from({ length: 40 }, (_, i) => ({
          input: Array.from({ length: 2 }, () => (i === 0 ? 'image' : `double${i}`)),
          output: [`double${i + 1}`],
          opType: 'Concat',
          attribute: [{ name: 'axis', i: 2, type: 2 }],
        })),
        ...node.filter(({ opType }) => opType !== 'Softmax'),
        { input: ['double40'], output: ['mean'], opType: 'GlobalAveragePool' },
        { input: ['mean'], output: ['flat'], opType: 'Flatten' },
        { input: ['logits', 'flat'], output: ['probabilities'], opType: 'Add' },
      ],
    }));
    await expect(pass(bomb, { timeoutMs: 20_000, memoryBytes: 600_000_000 })).rejects.toMatchObject({
      code: 'model-unusable',
      message: expect.stringMatching(/more than 600000000 bytes of memory|alloc/),
    });
  });
});
