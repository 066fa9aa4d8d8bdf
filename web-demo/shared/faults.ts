/**
 * What can go wrong with a network in a page, by name: the page has words for each in its languages. What runtimes and browsers say of
 * it themselves is for the console, because it is of no use to a person.
 */
import { TexturaError } from '../../model/error.ts';

export const faultCodes = [
  'no-webgpu',
  'no-adapter',
  'no-device',
  'no-answer',
  'device-lost',
  'file-missing',
  'wrong-numbers',
  'model-unusable',
  'diverged',
  'failed',
] as const;
export type FaultCode = (typeof faultCodes)[number];

export interface Fault {
  readonly code: FaultCode;
  /** What the words for the code have to name, such as `file` or `seconds`. */
  readonly values: Readonly<Record<string, string | number>>;
  /** The cause in its own words, for the console. */
  readonly detail: string;
}

export function fault(code: FaultCode, values: Fault['values'] = {}, cause?: unknown): Fault {
  return { code, values, detail: cause === undefined ? '' : textOfError(cause) };
}

/** Carries a fault to whoever can do something about it, or to the console. */
export class InferenceError extends Error {
  override readonly name = 'InferenceError';
  readonly fault: Fault;

  constructor(cause: Fault) {
    super([cause.code, JSON.stringify(cause.values), cause.detail].filter((text) => text !== '{}').join(' '));
    this.fault = cause;
  }
}

/** What a person is told of anything that was thrown. The messages of a TexturaError are ours, and name file and field. */
export function faultOf(error: unknown): Fault {
  if (error instanceof InferenceError) return error.fault;
  if (!(error instanceof TexturaError) || error.code === 'internal') return fault('failed', {}, error);
  return fault(error.code === 'diverged' ? 'diverged' : 'model-unusable', { message: error.message }, error);
}

function textOfError(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}

/** A file of the page by its last folder and its name: `models/wood.onnx`. */
export function fileOf(address: string): string {
  return decodeURI(new URL(address).pathname.split('/').slice(-2).join('/'));
}
