/** Who takes part in `npm run bench -- train`: both engines, bare and on the data pipeline, and PyTorch in three settings. */
import { fileURLToPath } from 'node:url';
import { networkOf, type VariantName } from '../model/network.ts';
import { textureNames } from '../model/textures/textures.ts';
import type { ContenderPlan } from './contender.ts';
import { type EngineRequest, type EngineWork, engineWorks } from './engine-request.ts';
import { type PytorchSetting, pytorchSettings, torchStepPath } from './peer/pytorch.ts';

/** One network at one number of threads: what the contenders of a comparison have in common. */
export interface Contest {
  readonly variant: VariantName;
  readonly threads: number;
  readonly batch: number;
  readonly data: string;
}

/** What else there is on this machine besides the onnx engine. */
export interface Peers {
  readonly hasTensorflow: boolean;
  /** Interpreter with PyTorch. */
  readonly python: string | undefined;
  /** Whether the processor multiplies in bfloat16; where it does not, PyTorch emulates that and is many times slower. */
  readonly hasBfloat16: boolean;
}

/** Every ratio is to this one: PyTorch as people write it. */
export const yardstick = 'PyTorch';

const workNames: Readonly<Record<EngineWork, string>> = {
  bare: '',
  none: ' with data pipeline',
  jitter64: ' with data pipeline, jitter64',
};
const settingNames: Readonly<Record<PytorchSetting, string>> = {
  default: yardstick,
  channels_last: `${yardstick}, channels_last`,
  channels_last_bf16: `${yardstick}, channels_last, bf16 autocast`,
};

/** In the order of the page. */
export function contendersOf(
  contest: Contest,
  { hasTensorflow, python, hasBfloat16 }: Peers,
): readonly ContenderPlan[] {
  const settings = pytorchSettings.filter((setting) => hasBfloat16 || setting !== 'channels_last_bf16');
  return [
    ...engineWorks.map((work) => enginePlan('onnx', work, contest)),
    ...(hasTensorflow ? engineWorks.map((work) => enginePlan('tfjs', work, contest)) : []),
    ...(python === undefined ? [] : settings.map((setting) => pytorchPlan(python, setting, contest))),
  ];
}

export function engineName(engine: EngineRequest['engine'], work: EngineWork): string {
  return `${engine} engine${workNames[work]}`;
}

function enginePlan(engine: EngineRequest['engine'], work: EngineWork, contest: Contest): ContenderPlan {
  const request: EngineRequest = { ...contest, engine, work };
  const script = fileURLToPath(new URL('./engine-process.ts', import.meta.url));
  return {
    name: engineName(engine, work),
    program: process.execPath,
    args: ['--import', import.meta.resolve('tsx'), script, JSON.stringify(request)],
    // Two batches wait and one is under way when the burst begins: those were made while the others ran.
    warmUpSteps: work === 'bare' ? 1 : 3,
  };
}

function pytorchPlan(
  python: string,
  setting: PytorchSetting,
  { variant, batch, threads }: Contest,
): ContenderPlan {
  const { layers, classes } = networkOf(variant, textureNames.length);
  return {
    name: settingNames[setting],
    program: python,
    args: [torchStepPath, JSON.stringify({ layers, classes, batch, threads, setting })],
    warmUpSteps: 1,
  };
}
