/**
 * Failures of models and workers, by code. The page has a message for each code in its languages; messages of
 * runtimes and browsers go to the console only.
 */
import { TexturaError } from '../../model/error.ts';

type FaultCode =
  | 'no-webgpu'
  | 'no-adapter'
  | 'no-device'
  | 'no-answer'
  | 'device-lost'
  | 'file-missing'
  | 'needs-key'
  | 'wrong-numbers'
  | 'no-check'
  | 'cancelled'
  | 'model-unusable'
  | 'no-weights'
  | 'diverged'
  | 'failed';

export interface PageFault {
  readonly code: FaultCode;
  /** Values for the placeholders of the message, such as `file` or `seconds`. */
  readonly values: Readonly<Record<string, string | number>>;
  /** The original message, for the console. */
  readonly detail: string;
}

export function fault(code: FaultCode, values: PageFault['values'] = {}, cause?: unknown): PageFault {
  return { code, values, detail: cause === undefined ? '' : textOfError(cause) };
}

export class InferenceError extends Error {
  override readonly name = 'InferenceError';
  readonly fault: PageFault;

  constructor(cause: PageFault) {
    super([cause.code, JSON.stringify(cause.values), cause.detail].filter((text) => text !== '{}').join(' '));
    this.fault = cause;
  }
}

/**
 * The fault of anything that was thrown. The messages of a TexturaError are shown, because they name file and
 * field.
 */
export function pageFaultOf(error: unknown): PageFault {
  if (error instanceof InferenceError) return error.fault;
  if (!(error instanceof TexturaError) || error.code === 'internal') return fault('failed', {}, error);
  return fault(error.code === 'diverged' ? 'diverged' : 'model-unusable', { message: error.message }, error);
}

function textOfError(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}
