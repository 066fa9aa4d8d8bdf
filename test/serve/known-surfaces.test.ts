/** A texture-net from photographs to the service: what it never saw is not one of its surfaces. */
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { expect, onTestFinished, test } from 'vitest';
import { exportModel } from '../../export/export-model.ts';
import { readTrainedRun } from '../../export/trained-run.ts';
import { csvRows } from '../../model/csv.ts';
import { inferAnswerSchema, modelMetadataSchema } from '../../model/open-inference.ts';
import { patchBytes } from '../../model/patch.ts';
import { randomStream } from '../../model/random.ts';
import { classifyAnswerSchema } from '../../model/service.ts';
import { decodeImage } from '../../node/image-decoder.ts';
import { classify } from '../../serve/classification.ts';
import { Model } from '../../serve/model.ts';
import { runHere } from '../support/command.ts';
import { runService } from '../support/running-service.ts';
import { smallPhotographs } from '../support/small-photographs.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

/** White noise, which is no brick, knit or water. */
function noiseFile(): Promise<Buffer> {
  const raw = { width: 70, height: 66, channels: 1 } as const;
  const random = randomStream(2, 'noise');
  const levels = Uint8Array.from({ length: raw.width * raw.height }, () => random.integer(0, 255));
  return sharp(levels, { raw }).png().toBuffer();
}

test('a photograph of the classes is known, and noise is not: classify, the service, Open Inference', async () => {
  const folder = await temporaryFolder(await smallPhotographs('photos', ['brick', 'knit', 'water'], 10));
  const size = ['--width', '0.25', '--epochs', '2', '--patches-per-epoch', '320', '--batch', '32'];
  const args = ['--data', 'photos', '--engine', 'onnx', '--threads', '1', ...size, '--out', 'run'];
  const trained = await runHere('training/train.ts', args, { cwd: folder });
  expect(trained, trained.stderr).toMatchObject({ status: 0 });
  const models = join(folder, 'models');
  const settings = { out: models, opset: 17, graphs: ['portable', 'throughput'] } as const;
  await exportModel(await readTrainedRun(join(folder, 'run')), settings);
  const pictures = [await readFile(join(folder, 'photos/knit/00.png')), await noiseFile()];

  const model = await Model.load(join(models, 'texture-net.onnx'));
  for (const [i, known] of [true, false].entries()) {
    const image = await decodeImage(pictures[i] as Uint8Array, 'image');
    expect(await classify(model, image, { crops: 'auto', top: 1 })).toMatchObject({ known });
  }
  await model.close();
  const unlike = /; it\s+is\s+probably\s+none\s+of\s+these\s+surfaces$/;
  for (const [i, known] of [true, false].entries()) {
    await writeFile(join(folder, 'picture.png'), pictures[i] as Uint8Array);
    const explained = await runHere('serve/classify.ts', ['picture.png', '--why', 'why.png'], {
      cwd: folder,
    });
    expect(explained, explained.stderr).toMatchObject({ status: 0, stderr: '' });
    expect(unlike.test(explained.stdout.trim())).toBe(!known);
  }

  const mixed = { 'mixed/0.png': pictures[0], 'mixed/1.png': pictures[1] };
  await mkdir(join(folder, 'mixed'));
  for (const [name, picture] of Object.entries(mixed)) await writeFile(join(folder, name), picture ?? '');
  const sort = ['mixed', '--csv', 'mixed.csv', '--copy-to', 'sorted', '--doubtful-below', '0'];
  const sorted = await runHere('serve/classify.ts', sort, { cwd: folder });
  expect(sorted, sorted.stderr).toMatchObject({ status: 0, stderr: '' });
  expect(sorted.stdout).toMatch(/1 picture probably of none of\n {2}the classes \(50\.0/);
  expect(sorted.stdout.split('\n').filter((line) => line.length > 80)).toEqual([]);
  const [, ...rows] = csvRows(await readFile(join(folder, 'mixed.csv'), 'utf8'), 'mixed.csv');
  expect(rows.map(([file, , , known, margin]) => [file, known, Number(margin) >= 0])).toEqual([
    ['0.png', 'true', true],
    ['1.png', 'false', false],
  ]);
  expect(await readdir(join(folder, 'sorted/_unknown'))).toEqual(['1.png']);

  const evaluated = ['--run', 'run', '--unknown', 'strange', '--out', 'evaluation'];
  await mkdir(join(folder, 'strange/noise'), { recursive: true });
  await writeFile(join(folder, 'strange/noise/1.png'), pictures[1] ?? '');
  const evaluation = await runHere('serve/evaluate.ts', evaluated, { cwd: folder });
  expect(evaluation, evaluation.stderr).toMatchObject({ status: 0, stderr: '' });
  expect(evaluation.stdout).toMatch(/^ {2}noise \(1 photograph\): recognised as unknown 1;/m);
  expect(evaluation.stdout).toMatch(/^photographs +1\.0000 +– +\d+\.\d.% +0\.0.%$/m);
  expect(evaluation.stdout.split('\n').filter((line) => line.length > 80)).toEqual([]);

  const running = await runService(models);
  onTestFinished(() => running.close());
  const post = async (path: string, body: string | Uint8Array<ArrayBuffer>) => {
    const response = await fetch(`${running.address}${path}`, { method: 'POST', body });
    expect(response.status).toBe(200);
    return response.json();
  };
  for (const [i, known] of [true, false].entries()) {
    const answer = classifyAnswerSchema.parse(
      await post('/classify', new Uint8Array(pictures[i] as Uint8Array)),
    );
    expect(answer.results).toMatchObject([{ known }]);
  }
  const metrics = await (await fetch(`${running.address}/metrics`)).text();
  expect(metrics).toContain('textura_images_unknown_total{model="texture-net"} 1');

  const described = await (await fetch(`${running.address}/v2/models/texture-net`)).json();
  const outputs = modelMetadataSchema.parse(described).outputs;
  expect(outputs.at(-1)).toEqual({ name: 'known_score', datatype: 'FP32', shape: [-1, 1] });
  // A large batch, for which other models use their throughput file.
  const count = 64;
  const data = new Array(count * patchBytes).fill(90);
  const input = { name: 'image', shape: [count, 1, 64, 64], datatype: 'FP32', data };
  const request = JSON.stringify({ inputs: [input], outputs: [{ name: 'known_score' }] });
  const answer = inferAnswerSchema.parse(await post('/v2/models/texture-net/infer', request));
  expect(answer.outputs).toMatchObject([{ name: 'known_score', shape: [count, 1] }]);
  expect(answer.outputs[0]?.data?.[0]).toBe(answer.outputs[0]?.data?.[1]);

  const bytes = await readFile(join(models, 'texture-net.onnx'));
  const stripped = bytes.toString('latin1').replaceAll('textura.threshold', 'textura.thresh0ld');
  await writeFile(join(folder, 'stripped.onnx'), Buffer.from(stripped, 'latin1'));
  await expect(Model.load(join(folder, 'stripped.onnx'))).rejects.toThrow(
    'its metadata lacks textura.threshold',
  );
}, 60_000);
