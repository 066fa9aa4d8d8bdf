/**
 * Inspects a TensorFlow binding in a separate process, so that this process keeps no GPU memory and survives
 * a crash.
 */
import { TexturaError } from '../../../model/error.ts';
import { commandText } from '../../../node/shell.ts';
import '../../../node/native-environment.ts';
import { type ProgramResult, runProgram } from '../../../node/program.ts';

/** Properties of a loaded binding. */
export interface BindingFacts {
  readonly tensorflow: string;
  readonly gpu: boolean;
}

const probeScript = `const binding = require(process.argv[1]);
process.stdout.write(JSON.stringify({ tensorflow: binding.TF_Version, gpu: binding.isUsingGpuDevice() }));`;

/**
 * Loads a binding in a process of its own (a processor without the instructions that it uses ends the
 * process) and asks it for TensorFlow's version and whether it sees a GPU. Errors: `engine-unavailable` with
 * why it does not load; `interrupted` on Ctrl-C.
 */
export async function probeBinding(binding: string): Promise<BindingFacts> {
  const result = await runProgram(process.execPath, ['-e', probeScript, binding], {
    env: { TF_CPP_MIN_LOG_LEVEL: '3', NODE_OPTIONS: undefined },
    timeoutMs: 120_000,
    doing: 'loading TensorFlow',
  });
  if (result.status !== 0) throw new TexturaError('engine-unavailable', loadFailureText(result, binding));
  return JSON.parse(result.stdout) as BindingFacts;
}

/** Why a binding did not load, and how to fix it. */
export function loadFailureText(result: Pick<ProgramResult, 'signal' | 'stderr'>, binding: string): string {
  const where = `TensorFlow's libraries do not load (${binding})`;
  if (result.signal === 'SIGILL') return `${where}: this processor lacks instructions that they need (AVX)`;
  const detail = /^Error: (.*)$/m.exec(result.stderr)?.[1] ?? result.stderr.trim().split('\n').at(-1);
  const symbol = /version `(GLIBC(?:XX)?_[\d.]+)' not found/.exec(result.stderr)?.[1];
  if (symbol !== undefined) {
    return `${where}: expected ${symbol} of this system's C or C++ library, which is older; a newer Linux is needed. ${detail}`;
  }
  if (/cannot open shared object file/.test(result.stderr)) {
    return `${where}: a library is missing. ${detail}. ${commandText('setup:tensorflow', '--remove')} and a new setup repair a corrupt cache`;
  }
  return `${where}: ${detail || `it ended by ${result.signal ?? 'an unknown fault'}`}`;
}
