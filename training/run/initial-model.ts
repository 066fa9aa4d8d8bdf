/** Fine-tuning: the trained network that a run starts from, read from a run directory or an exported file. */
import { existsSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describeModel } from '../../graph/onnx/description.ts';
import { modelParameters } from '../../graph/onnx/initializers.ts';
import { TexturaError } from '../../model/error.ts';
import { labelsSchema, metadataKeys, metadataValue } from '../../model/model-file.ts';
import { type Network, networkSchema } from '../../model/network.ts';
import { type Parameters, storedParameters } from '../../model/parameters.ts';
import { pretrainedFiles, pretrainedFrom } from '../../model/pretrained/pretrained.ts';
import { networkOfRun, type Run, runFiles } from '../../model/run-file.ts';
import { requireSameLayers, type TransferSource } from '../../model/transfer.ts';
import { oneLine } from '../../model/words.ts';
import { readRun } from '../../node/records.ts';
import { sha256 } from '../../node/sha256.ts';
import { commandText } from '../../node/shell.ts';
import { foldDirectory } from './folds.ts';
import { holdsRun } from './run-directory.ts';

export interface InitialModel extends TransferSource {
  /** As given. */
  readonly source: string;
  /** SHA-256 of the file with the parameters. */
  readonly sha256: string;
  /** The data that a run was trained on. */
  readonly data?: Run['data'];
}

/** The value of `--init` for the network that is part of Textura. */
export const pretrainedSource = 'pretrained';

/**
 * Reads a run directory, an exported file or the pre-trained network; its layers must be those of `network`.
 * Errors: `file-unreadable`, `file-damaged`, `model-unusable`; `usage` if the networks differ.
 */
export async function readInitialModel(source: string, network: Network): Promise<InitialModel> {
  if (source === pretrainedSource) return checked(await pretrainedModel(), network);
  const entry = await stat(source).catch(() => undefined);
  if (entry === undefined) {
    throw new TexturaError(
      'file-unreadable',
      `--init ${oneLine(source)}: there is no such run directory or ONNX file`,
    );
  }
  return checked(await (entry.isDirectory() ? modelOfRun(source) : modelOfFile(source)), network);
}

function checked(model: InitialModel, network: Network): InitialModel {
  requireSameLayers(model.network, network, oneLine(model.source));
  return model;
}

/**
 * texture-net pre-trained on generated textures. Its last layer is not stored, because its classes are of no
 * use.
 */
async function pretrainedModel(): Promise<InitialModel> {
  const path = fileURLToPath(
    new URL(`../../model/pretrained/${pretrainedFiles.parameters}`, import.meta.url),
  );
  const bytes = await readFile(path);
  return { ...pretrainedFrom(bytes, path), labels: [], source: pretrainedSource, sha256: sha256(bytes) };
}

async function modelOfRun(directory: string): Promise<InitialModel> {
  if (!holdsRun(directory) && holdsRun(foldDirectory(directory, 1))) {
    throw new TexturaError(
      'usage',
      `--init ${oneLine(directory)}: it holds several folds; name one of them, e.g. ${oneLine(foldDirectory(directory, 1))}`,
    );
  }
  const run = await readRun(directory);
  const path = join(directory, runFiles.model);
  if (!existsSync(path)) {
    throw new TexturaError(
      'file-unreadable',
      `--init ${oneLine(directory)}: it has no ${runFiles.model}, which is written when a run ends; ` +
        `to resume it: ${commandText('train', '--out', directory, '--resume')}`,
    );
  }
  const bytes = await readFile(path);
  const network = networkOfRun(run);
  const parameters = storedParameters(bytes, network, path);
  const { labels, data } = run;
  return { network, parameters, labels, source: directory, sha256: sha256(bytes), data };
}

async function modelOfFile(path: string): Promise<InitialModel> {
  const bytes = await readFile(path).catch((cause: NodeJS.ErrnoException) => {
    throw new TexturaError('file-unreadable', `${oneLine(path)}: cannot be read (${cause.code})`, { cause });
  });
  const { metadata } = describeModel(bytes, path);
  const network = metadataValue(metadata, metadataKeys.network, networkSchema, path);
  const labels = metadataValue(metadata, metadataKeys.labels, labelsSchema, path);
  if (labels.length !== network.classes) {
    throw new TexturaError(
      'model-unusable',
      `${oneLine(path)}: expected ${network.classes} labels, got ${labels.length}`,
    );
  }
  return {
    network,
    parameters: parametersOf(bytes, network, path),
    labels,
    source: path,
    sha256: sha256(bytes),
  };
}

/** Errors: `model-unusable` for a file whose weights are stored in another form. */
function parametersOf(bytes: Uint8Array, network: Network, path: string): Parameters {
  try {
    return modelParameters(bytes, network, path);
  } catch (cause) {
    if (!(cause instanceof TexturaError) || cause.code !== 'file-damaged') throw cause;
    throw new TexturaError(
      'model-unusable',
      `--init ${oneLine(path)}: its weights are not those of a portable float32 file; use the run directory, ` +
        'or the file that export writes with --graph portable',
      { cause },
    );
  }
}

/** Errors: `usage` if the file is no longer the one that the run started from. */
export function requireSameModel(model: InitialModel, stored: NonNullable<Run['init']>): void {
  if (model.sha256 === stored.sha256) return;
  throw new TexturaError(
    'usage',
    `--resume: the run started from ${oneLine(model.source)}, which has changed since then ` +
      `(SHA-256 was ${stored.sha256.slice(0, 12)}, now ${model.sha256.slice(0, 12)}); start a new run with another --out`,
  );
}
