/**
 * Who takes part in `npm run bench -- train`: both engines, ours on the data pipeline too and in a browser, PyTorch in three settings,
 * TensorFlow; and plain matrix products, which tell what the machine can do.
 */
import { fileURLToPath } from 'node:url';
import { networkOf, type VariantName } from '../model/network.ts';
import { textureNames } from '../textures/textures.ts';
import type { ContenderPlan } from './contender.ts';
import type { EngineRequest, EngineWork } from './engine-request.ts';
import { type ProductShape, productModel, squareProduct, stepProduct } from './matrix-product.ts';
import {
  type PeerRequest,
  type PytorchSetting,
  pytorchArguments,
  pytorchSettings,
  tensorflowArguments,
} from './peer/peers.ts';

/** One network at one number of threads: what the contenders of a comparison have in common. */
export interface Contest {
  readonly variant: VariantName;
  readonly threads: number;
  readonly batch: number;
  readonly data: string;
}

/** What else there is on this machine besides the onnx engine. */
export interface Peers {
  /** Whether the tfjs engine is set up. */
  readonly hasTfjs: boolean;
  /** Interpreters with these packages. */
  readonly pytorch: string | undefined;
  readonly tensorflow: string | undefined;
  /** Whether the processor multiplies in bfloat16; where it does not, PyTorch emulates that and is many times slower. */
  readonly hasBfloat16: boolean;
  readonly hasChromium: boolean;
}

/** A contender, and for matrix products the multiply-adds of one. */
export interface Entry {
  readonly plan: ContenderPlan;
  readonly multiplyAdds?: number;
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

/** In the order of the page. The data pipeline costs the same whatever network is trained: it is measured with the reference. */
export function entriesOf(
  contest: Contest,
  { hasTfjs, pytorch, tensorflow, hasBfloat16, hasChromium }: Peers,
): readonly Entry[] {
  const works: readonly EngineWork[] =
    contest.variant === 'reference' ? ['bare', 'none', 'jitter64'] : ['bare'];
  const settings = pytorchSettings.filter((setting) => hasBfloat16 || setting !== 'channels_last_bf16');
  const plans = [
    ...works.map((work) => enginePlan('onnx', work, contest)),
    // A page that is not isolated from others has one thread.
    ...(hasChromium && contest.threads === 1 ? [browserPlan(contest)] : []),
    ...(hasTfjs ? [enginePlan('tfjs', 'bare', contest)] : []),
    ...(pytorch === undefined ? [] : settings.map((setting) => pytorchPlan(pytorch, setting, contest))),
    ...(tensorflow === undefined ? [] : [tensorflowPlan(tensorflow, contest)]),
  ];
  const products = [squareProduct, stepProduct(contest.batch)];
  return [...plans.map((plan) => ({ plan })), ...products.map((shape) => productEntry(shape, contest))];
}

/** The onnx engine's graph in a page. */
export const browserName = 'onnx engine in Chromium';

export function engineName(engine: EngineRequest['engine'], work: EngineWork): string {
  return `${engine} engine${workNames[work]}`;
}

function enginePlan(engine: EngineRequest['engine'], work: EngineWork, contest: Contest): ContenderPlan {
  return {
    name: engineName(engine, work),
    ...nodeProgram('./engine-process.ts', { ...contest, engine, work }),
    // Two batches wait and one is under way when the burst begins: those were made while the others ran.
    warmUpSteps: work === 'bare' ? 1 : 3,
  };
}

/** The same step graph in a browser, by onnxruntime-web's WebAssembly. */
function browserPlan(contest: Contest): ContenderPlan {
  const request: EngineRequest = { ...contest, engine: 'onnx', work: 'bare' };
  return {
    name: browserName,
    ...nodeProgram('./web/browser-process.ts', request),
    warmUpSteps: 1,
  };
}

function productEntry(shape: ProductShape, { threads }: Contest): Entry {
  return {
    plan: {
      name: shape.name,
      ...nodeProgram('./matrix-process.ts', { ...shape, threads }),
      warmUpSteps: 1,
      stepsFactor: 4,
    },
    multiplyAdds: productModel(shape).multiplyAdds,
  };
}

function nodeProgram(module: string, request: object): Pick<ContenderPlan, 'program' | 'args'> {
  const script = fileURLToPath(new URL(module, import.meta.url));
  return {
    program: process.execPath,
    args: ['--import', import.meta.resolve('tsx'), script, JSON.stringify(request)],
  };
}

function pytorchPlan(python: string, setting: PytorchSetting, contest: Contest): ContenderPlan {
  const args = pytorchArguments(peerRequest(contest), setting);
  return { name: settingNames[setting], program: python, args, warmUpSteps: 1 };
}

function tensorflowPlan(python: string, contest: Contest): ContenderPlan {
  const args = tensorflowArguments(peerRequest(contest));
  return { name: 'TensorFlow', program: python, args, warmUpSteps: 1 };
}

function peerRequest({ variant, batch, threads }: Contest): PeerRequest {
  const { layers, classes } = networkOf(variant, textureNames.length);
  return { layers, classes, batch, threads };
}
