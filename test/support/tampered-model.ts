/** Exported files that somebody tampered with. */
import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Message } from '../../graph/onnx/format.ts';
import { decodeMessage, encodeMessage } from '../../graph/onnx/protobuf.ts';
import { modelIndexSchema, modelReportSchema } from '../../model/model-file.ts';

export type OnnxModel = Message<'Model'>;
export type OnnxGraph = Message<'Graph'>;

/** The bytes with their message changed. */
export function changed(bytes: Uint8Array, change: (model: OnnxModel) => OnnxModel): Uint8Array {
  return encodeMessage('Model', change(decodeMessage('Model', bytes, 'a test')));
}

export function withGraph(change: (graph: OnnxGraph) => OnnxGraph): (model: OnnxModel) => OnnxModel {
  return (model) => ({ ...model, graph: change(model.graph ?? {}) });
}

/**
 * Replaces a model's portable file and its entries in index and report, so that only the file's content
 * reveals it.
 */
export async function replaceFile(folder: string, name: string, bytes: Uint8Array): Promise<void> {
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  await writeFile(join(folder, `${name}.onnx`), bytes);
  const reportPath = join(folder, `${name}.report.json`);
  const report = modelReportSchema.parse(JSON.parse(await readFile(reportPath, 'utf8')));
  const graphs = report.graphs.map((graph) => (graph.kind === 'portable' ? { ...graph, sha256 } : graph));
  await writeFile(reportPath, JSON.stringify({ ...report, graphs }));
  const indexPath = join(folder, 'index.json');
  const index = modelIndexSchema.parse(JSON.parse(await readFile(indexPath, 'utf8')));
  const models = index.models.map((entry) => (entry.name === name ? { ...entry, sha256 } : entry));
  await writeFile(indexPath, JSON.stringify({ models }));
}
