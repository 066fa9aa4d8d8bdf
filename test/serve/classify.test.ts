import { realpathSync } from 'node:fs';
import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { exportModel } from '../../export/export-model.ts';
import { readTrainedRun } from '../../export/trained-run.ts';
import { createGraph } from '../../graph/builder.ts';
import { encodeModel } from '../../graph/encode.ts';
import { networkOf } from '../../model/network.ts';
import { patchBytes } from '../../model/patch.ts';
import { decodeImage } from '../../node/image-decoder.ts';
import { classify } from '../../serve/classification.ts';
import { Model } from '../../serve/model.ts';
import { bmpOfRgb } from '../support/bmp.ts';
import { rawFiles } from '../support/camera-raw.ts';
import { runHere, runScript } from '../support/command.ts';
import { largestDifference } from '../support/onnx-session.ts';
import { encoder, pgmOf16, ppmOfRgb } from '../support/pictures.ts';
import { randomParameters, randomPatches } from '../support/random-network.ts';
import { referenceLogits, referenceProbabilities } from '../support/reference-network.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { writeTrainedRun } from '../support/trained-run.ts';
import { tolerances } from '../tolerances.ts';

// Code-point order: what a reader who counts would take for class 2 is class 10.
const numericLabels = ['1', '10', '11', '12', '2', '3', '4', '5', '6', '7', '8', '9'];
const network = networkOf('lab-baseline', numericLabels.length);
const parameters = randomParameters(network, 7);

const answerSchema = z.strictObject({
  model: z.string(),
  results: z.array(
    z.strictObject({
      file: z.string(),
      predictions: z.array(z.strictObject({ label: z.string(), probability: z.number() })),
      crops: z.int(),
    }),
  ),
});

let home: string;
const modelPath = 'models/lab-baseline.onnx';
const runClassify = (args: readonly string[], stdin?: Uint8Array) =>
  stdin === undefined
    ? runHere('serve/classify.ts', args, { cwd: home })
    : runScript('serve/classify.ts', args, { cwd: home, stdin });

/** A grey PNG of random patches side by side. */
function stripOf(patches: Uint8Array): Promise<Buffer> {
  const count = patches.length / patchBytes;
  const rows = Array.from({ length: 64 }, (_, row) =>
    Array.from({ length: count }, (_, i) =>
      patches.subarray(i * patchBytes + row * 64, i * patchBytes + row * 64 + 64),
    ),
  );
  return sharp(Buffer.concat(rows.flat()), { raw: { width: 64 * count, height: 64, channels: 1 } })
    .toColourspace('b-w')
    .png()
    .toBuffer();
}

/** Probabilities of the mean logits of patches, by the reference loops. */
function expectedProbabilities(patches: Uint8Array): Float64Array {
  const logits = referenceLogits(network, parameters, patches);
  const count = patches.length / patchBytes;
  const mean = Float64Array.from(numericLabels, (_, c) => {
    const column = Array.from(
      { length: count },
      (_, i) => logits[i * numericLabels.length + c] ?? Number.NaN,
    );
    return column.reduce((sum, value) => sum + value, 0) / count;
  });
  return referenceProbabilities(mean, numericLabels.length);
}

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'textura-classify-'));
  await writeTrainedRun(join(home, 'run'), { labels: numericLabels });
  const trained = await readTrainedRun(join(home, 'run'));
  await exportModel(trained, { out: join(home, 'models'), opset: 17, graphs: ['portable'] });
  await writeFile(join(home, 'three patches.png'), await stripOf(randomPatches(3, 21)));
});

afterAll(() => rm(home, { recursive: true }));

describe('npm run classify', () => {
  test('prints results for valid files in order, reports the others and ends with status 3', async () => {
    const photograph = await readFile(join(home, 'three patches.png'));
    await writeFile(join(home, 'cut.png'), photograph.subarray(0, photograph.length * 0.6));
    await writeFile(join(home, 'notes.txt'), 'not an image');
    await writeFile(
      join(home, 'small.png'),
      await sharp(photograph).extract({ left: 0, top: 0, width: 64, height: 63 }).png().toBuffer(),
    );
    const files = ['three patches.png', 'cut.png', 'notes.txt', 'small.png', 'missing.png', '-'];
    const one = randomPatches(1, 22);
    const result = await runClassify(
      ['--json', '--top', '12', '--model', modelPath, ...files],
      await stripOf(one),
    );
    expect(result.status).toBe(3);
    for (const file of ['cut.png', 'notes.txt', 'small.png', 'missing.png']) {
      expect(result.stderr).toMatch(new RegExp(`^classify: ${file}: `, 'm'));
    }
    expect(result.stderr).toContain('64x63');
    const answer = answerSchema.parse(JSON.parse(result.stdout));
    expect(answer.model).toBe('lab-baseline');
    expect(answer.results.map(({ file, crops }) => [file, crops])).toEqual([
      ['three patches.png', 3],
      ['-', 1],
    ]);
    for (const [i, patches] of [randomPatches(3, 21), one].entries()) {
      const predictions = answer.results[i]?.predictions ?? [];
      const byClass = numericLabels.map(
        (label) => predictions.find((p) => p.label === label)?.probability ?? Number.NaN,
      );
      expect(largestDifference(byClass, expectedProbabilities(patches))).toBeLessThan(tolerances.probability);
      const probabilities = predictions.map(({ probability }) => probability);
      expect(probabilities).toEqual([...probabilities].sort((a, b) => b - a));
    }
  });

  test('reads BMP, PPM and 12-bit PGM like the same images in PNG, and rejects camera raw files by name', async () => {
    const { data, info } = await sharp(await stripOf(randomPatches(1, 23)))
      .raw()
      .toBuffer({ resolveWithObject: true });
    const rgb = {
      data: Uint8Array.from({ length: 3 * 64 * 64 }, (_, i) => data[info.channels * Math.floor(i / 3)] ?? 0),
    };
    const picture = { ...rgb, width: 64, height: 64 };
    const deep = Uint16Array.from({ length: 64 * 64 }, (_, i) => (rgb.data[3 * i] ?? 0) * 16 + 5);
    const files = {
      'twin.png': await encoder(picture).png().toBuffer(),
      'photo.bmp': bmpOfRgb(picture),
      'photo.ppm': ppmOfRgb(picture),
      'sensor.pgm': pgmOf16(deep, 64),
      'photo.NEF': rawFiles['Nikon raw'] as Buffer,
      'photo.tif': rawFiles['DNG (camera raw)'] as Buffer,
    };
    for (const [name, bytes] of Object.entries(files)) await writeFile(join(home, name), bytes);
    const result = await runClassify(['--json', '--model', modelPath, ...Object.keys(files)]);
    expect(result.status).toBe(3);
    expect(result.stderr.trimEnd().split('\n')).toEqual([
      expect.stringMatching(/^classify: note: sensor\.pgm: 16-bit samples .* read as 12-bit data/),
      'classify: photo.NEF: Nikon raw files are not supported; convert it to JPEG or PNG',
      'classify: photo.tif: DNG (camera raw) files are not supported; convert it to JPEG or PNG',
    ]);
    const { results } = answerSchema.parse(JSON.parse(result.stdout));
    const [twin, ...others] = results;
    expect(others.map(({ file }) => file)).toEqual(['photo.bmp', 'photo.ppm', 'sensor.pgm']);
    for (const { predictions } of others) expect(predictions).toEqual(twin?.predictions);
  });

  test('prints the top five classes as text, and those of the centre patch on request', async () => {
    const result = await runClassify(['--model', modelPath, '--crops', 'center', 'three patches.png']);
    expect(result).toMatchObject({ status: 0, stderr: '' });
    const [heading, ...lines] = result.stdout.trimEnd().split('\n');
    expect(heading).toBe('three patches.png  (1 patch)');
    expect(lines).toHaveLength(5);
    const expected = expectedProbabilities(randomPatches(3, 21).slice(patchBytes, 2 * patchBytes));
    const best = numericLabels[expected.indexOf(Math.max(...expected))];
    expect(lines[0]).toMatch(new RegExp(`^  ${best} +${(Math.max(...expected) * 100).toFixed(1)} %`));
  });

  test('uses the model of the folder by default, and without one says how to export one', async () => {
    const result = await runClassify(['three patches.png', '--json']);
    expect(JSON.parse(result.stdout)).toMatchObject({ model: 'lab-baseline' });
    const empty = { cwd: await temporaryFolder() };
    const refused = await runScript('serve/classify.ts', ['three patches.png'], empty);
    expect(refused.status).toBe(3);
    expect(refused.stderr).toMatch(/there is no model in models\/: .*npm run train.*npm run export/);
  });

  test('reads images and a model from where npm was started, or else from the package', async () => {
    const packageFolder = realpathSync(home);
    const caller = await temporaryFolder({
      'mine.png': await readFile(join(home, 'three patches.png')),
      'own.onnx': await readFile(join(home, modelPath)),
    });
    const env = {
      ...process.env,
      INIT_CWD: caller,
      npm_package_json: join(packageFolder, 'package.json'),
    };
    const args = ['--json', '--model', 'own.onnx', 'mine.png', 'three patches.png'];
    const result = await runScript('serve/classify.ts', args, { cwd: packageFolder, env });
    expect(result).toMatchObject({ status: 0, stderr: '' });
    const { results } = answerSchema.parse(JSON.parse(result.stdout));
    expect(results.map(({ file }) => file)).toEqual(['mine.png', 'three patches.png']);
    expect(results[0]?.predictions).toEqual(results[1]?.predictions);
  });
});

describe('a model', () => {
  test.each([1, 2, 3, 4, 5, 6, 7, 8])(
    'gives the same result for a photograph with EXIF orientation %i as for the upright one',
    async (orientation) => {
      const model = await Model.load(join(home, modelPath));
      const stored = await sharp(await readFile(join(home, 'three patches.png')))
        .withMetadata({ orientation })
        .png()
        .toBuffer();
      const upright = await sharp(stored).autoOrient().png().toBuffer();
      const settings = { crops: 'auto', top: 12 } as const;
      const [turned, twin] = await Promise.all(
        [stored, upright].map(async (bytes) =>
          classify(model, await decodeImage(bytes, 'photograph'), settings),
        ),
      );
      await model.close();
      expect(turned).toEqual(twin);
    },
  );

  const damage = async (
    change: (metadata: Record<string, string>) => Record<string, string>,
    classes = 2,
    weight = 1,
  ) => {
    const graph = createGraph({ name: 'other', opset: 17, float: 'float32' });
    const image = graph.input('image', 'float32', ['N', 1, 64, 64]);
    const flat = graph.reshape(graph.node('GlobalAveragePool', [image]), [0, 1]);
    const logits = graph.node(
      'MatMul',
      [
        flat,
        graph.floats(
          Array.from({ length: classes }, () => weight),
          [1, classes],
        ),
      ],
      { name: 'logits' },
    );
    graph.output(logits);
    graph.output(graph.node('Softmax', [logits], { axis: 1, name: 'probabilities' }));
    const metadata = change({
      'textura.labels': '["a","b"]',
      'textura.input':
        '{"layout":"NCHW","size":64,"colour":"grey = (299 R + 587 G + 114 B) / 1000, 0..255","patchPx":64}',
    });
    const path = join(home, 'damaged.onnx');
    await writeFile(path, encodeModel(graph, { producerName: 'test', producerVersion: '1', metadata }));
    return Model.load(path);
  };

  test('with the expected signature loads', async () => {
    const model = await damage((metadata) => metadata);
    expect(model.labels).toEqual(['a', 'b']);
    await model.close();
  });

  test('whose outputs are not finite gives an error instead of probabilities', async () => {
    const model = await damage((metadata) => metadata, 2, Number.NaN);
    const image = { data: new Uint8Array(64 * 64), width: 64, height: 64 };
    await expect(classify(model, image, { crops: 'auto', top: 2 })).rejects.toMatchObject({
      code: 'model-unusable',
      message: 'damaged: its logits for the image are not finite',
    });
    await model.close();
  });

  test.each([
    [
      'has no labels',
      ({ 'textura.labels': _, ...others }: Record<string, string>) => others,
      2,
      'lacks textura.labels',
    ],
    [
      'has labels that are no list',
      (m: Record<string, string>) => ({ ...m, 'textura.labels': '"a"' }),
      2,
      'textura.labels: expected a list, in "a"',
    ],
    [
      'has more classes than labels',
      (m: Record<string, string>) => m,
      3,
      'output logits: expected float32 [N,2], got float32 [N,3]',
    ],
    [
      'was made for another input',
      (m: Record<string, string>) => ({ ...m, 'textura.input': '{"size":32}' }),
      2,
      'textura.input: layout: expected NCHW; size: expected 64; ',
    ],
  ] as const)('that %s is refused', async (_, change, classes, message) => {
    await expect(damage(change, classes)).rejects.toMatchObject({
      code: 'model-unusable',
      message: expect.stringContaining(message),
    });
  });

  test('whose weights differ from those that its export verified is rejected, unless its report is gone', async () => {
    const file = await readFile(join(home, modelPath));
    // Inside the weights, so that the graph stays valid.
    file.fill(0, file.length >> 1, (file.length >> 1) + 400);
    const report = 'lab-baseline.report.json';
    const folder = await temporaryFolder({
      'lab-baseline.onnx': file,
      [report]: await readFile(join(home, 'models', report)),
    });
    const model = join(folder, 'lab-baseline.onnx');
    const result = await runClassify(['--model', model, 'three patches.png']);
    expect(result).toMatchObject({ status: 3, stdout: '' });
    expect(result.stderr).toMatch(
      /lab-baseline\.onnx: is not the file that its export verified: .*export it/s,
    );
    await rm(join(folder, report));
    expect(await runClassify(['--model', model, 'three patches.png'])).toMatchObject({ status: 0 });
  });

  test.each([
    ['lab-baseline.ONNX', 'lab-baseline'],
    ['lab-baseline.throughput.onnx', 'lab-baseline'],
    ['my surfaces.onnx', 'my surfaces'],
  ])('is verified as %s with a report of that name', async (file, name) => {
    const whole = await readFile(join(home, modelPath));
    const folder = await temporaryFolder({
      [file]: whole,
      [`${name}.report.json`]: await readFile(join(home, 'models/lab-baseline.report.json')),
    });
    await (await Model.load(join(folder, file))).close();
    await writeFile(join(folder, file), whole.fill(0, whole.length >> 1, (whole.length >> 1) + 400));
    await expect(Model.load(join(folder, file))).rejects.toMatchObject({ code: 'file-damaged' });
  });

  test('is verified through a link, with the report of the file that it leads to', async () => {
    const whole = await readFile(join(home, modelPath));
    const report = await readFile(join(home, 'models/lab-baseline.report.json'));
    const folder = await temporaryFolder({
      'lab-baseline.onnx': whole.fill(0, whole.length >> 1, (whole.length >> 1) + 400),
      'lab-baseline.report.json': report,
    });
    await symlink('lab-baseline.onnx', join(folder, 'best.onnx'));
    await expect(Model.load(join(folder, 'best.onnx'))).rejects.toMatchObject({ code: 'file-damaged' });
  });

  test.each([
    ['cut off', (report: string) => report.slice(0, 100), 'not JSON'],
    ['empty', () => '', 'not JSON'],
    ['another file', () => '{"models":[]}', 'graphs: expected a list, got nothing'],
  ])('whose report is %s is rejected', async (_, changed, why) => {
    const report = await readFile(join(home, 'models/lab-baseline.report.json'), 'utf8');
    const folder = await temporaryFolder({
      'lab-baseline.onnx': await readFile(join(home, modelPath)),
      'lab-baseline.report.json': changed(report),
    });
    const model = join(folder, 'lab-baseline.onnx');
    await expect(Model.load(model)).rejects.toMatchObject({
      code: 'file-damaged',
      message: `${model}: cannot be verified: ${join(folder, 'lab-baseline.report.json')}: ${why}; export it again, or delete the report to use the file as it is`,
    });
  });

  test('whose report cannot be read is rejected, naming the report', async () => {
    const folder = await temporaryFolder({
      'lab-baseline.onnx': await readFile(join(home, modelPath)),
      'lab-baseline.report.json/file': '',
    });
    const report = join(folder, 'lab-baseline.report.json');
    await expect(Model.load(join(folder, 'lab-baseline.onnx'))).rejects.toThrow(
      `cannot be verified: ${report} cannot be read (EISDIR); export it again, or delete the report`,
    );
  });

  test('is verified with a report of another version, which may have other keys', async () => {
    const whole = await readFile(join(home, modelPath));
    const { graphs } = JSON.parse(await readFile(join(home, 'models/lab-baseline.report.json'), 'utf8'));
    const folder = await temporaryFolder({
      'lab-baseline.onnx': whole,
      'lab-baseline.report.json': JSON.stringify({ version: 9, graphs: [{ sha256: graphs[0].sha256 }] }),
    });
    await (await Model.load(join(folder, 'lab-baseline.onnx'))).close();
    await writeFile(
      join(folder, 'lab-baseline.onnx'),
      whole.fill(0, whole.length >> 1, (whole.length >> 1) + 400),
    );
    await expect(Model.load(join(folder, 'lab-baseline.onnx'))).rejects.toThrow('is not the file that');
  });

  test('that is another kind of file is rejected', async () => {
    await expect(Model.load(join(home, 'three patches.png'))).rejects.toMatchObject({
      code: 'model-unusable',
    });
  });
});
