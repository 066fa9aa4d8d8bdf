/** Formats the facts about a machine for a terminal. */
import { wrapped } from '../../model/format.ts';
import { counted } from '../../model/words.ts';
import { cudaLibraries, providerLibraries } from '../../node/cuda-libraries.ts';
import { commandText } from '../../node/shell.ts';
import { driverLacks } from '../cuda/driver.ts';
import type { MachineFacts, ProviderFact, Tool } from './facts.ts';

type Row = readonly [name: string, value: string];

const nameColumns = 15;

/** Lines of at most `columns`, unless a word is longer. */
export function doctorPage(facts: MachineFacts, columns: number): string {
  const rows = (content: readonly Row[]) =>
    content.map(([name, value]) => {
      const text = wrapped(value, '', columns - nameColumns).replaceAll('\n', `\n${' '.repeat(nameColumns)}`);
      return `  ${name}`.padEnd(nameColumns) + text;
    });
  return [
    `Textura ${facts.textura} on this machine`,
    '',
    ...rows(machineRows(facts)),
    '',
    'Engines',
    ...rows([
      ['tfjs', tfjsText(facts)],
      ['onnx', onnxText(facts)],
    ]),
    '',
    'CUDA for the onnx engine and the service',
    ...rows(cudaRows(facts)),
    '',
    'Tools for setup:tensorflow and setup:cuda',
    ...rows(toolRows(facts)),
    '',
    'Defaults on this machine',
    ...rows([
      ['train', trainText(facts)],
      ['classify', classifyText(facts)],
    ]),
    '',
  ].join('\n');
}

function machineRows({ node, system, processor, memory, disk, gpus, cuda }: MachineFacts): Row[] {
  return [
    ['Node', `${node.version}, ${node.path}`],
    ['System', `${system.name}, ${system.arch}`],
    [
      'Processor',
      `${processor.model}, ${processor.usableCores} of ${counted(processor.visibleCores, 'core')} usable`,
    ],
    ['Memory', `${gibibytes(memory.availableBytes)} free of ${gibibytes(memory.limitBytes)}`],
    ['Disk', `${gibibytes(disk.freeBytes)} free for ${disk.folder}`],
    ...(gpus.length === 0
      ? [['GPU', 'no NVIDIA GPU (nvidia-smi is missing or finds none)'] as const]
      : gpus.map((gpu) => ['GPU', gpu] as const)),
    ['TF32', tf32Setting(cuda)],
  ];
}

function tf32Setting({ precision, tf32Override }: MachineFacts['cuda']): string {
  return precision === 'float32'
    ? `off, CUDA computes in float32 (NVIDIA_TF32_OVERRIDE=${tf32Override})`
    : `on (NVIDIA_TF32_OVERRIDE=${tf32Override}): faster, with errors in the third digit; the export check uses float32`;
}

function tfjsText({ tfjs }: MachineFacts): string {
  if ('problem' in tfjs) return tfjs.problem;
  return `ready: TensorFlow ${tfjs.tensorflow} with tfjs-node ${tfjs.tfjs}, ${tfjs.gpu ? 'sees a GPU' : 'sees no GPU'}`;
}

function onnxText({ onnx, cuda: { provider, libraries } }: MachineFacts): string {
  if ('problem' in onnx) return `does not load: ${onnx.problem}`;
  const has = (names: readonly string[], found: object) => names.every((name) => name in found);
  const isCudaInstalled = has(providerLibraries, provider) && has(cudaLibraries, libraries);
  const isUsable = ({ name, bundled }: ProviderFact) => bundled || (name === 'cuda' && isCudaInstalled);
  const names = onnx.providers.filter(isUsable).map(({ name }) => name);
  return `ready: onnxruntime ${onnx.onnxruntime} with ${names.join(', ')}${isCudaInstalled ? '' : `; cuda needs ${commandText('setup:cuda')}`}`;
}

function cudaRows({ cuda: { driver, provider, libraries } }: MachineFacts): Row[] {
  const lacks = driverLacks(driver);
  const gpus = driver.gpus.map(
    (gpu): Row => ['Driver', `${gpu.driver}; ${gpu.name}, compute capability ${gpu.computeCapability}`],
  );
  return [
    ...(gpus.length > 0 ? gpus : [['Driver', driver.library ?? 'none'] as const]),
    ...lacks.map((lack): Row => ['Missing', lack]),
    ['Provider', whereText(providerLibraries, provider)],
    ['CUDA, cuDNN', whereText(cudaLibraries, libraries)],
  ];
}

/** The folders of `libraries`, and the names without one. */
function whereText(names: readonly string[], libraries: Readonly<Record<string, string>>): string {
  const folders = [...new Set(Object.values(libraries).map((path) => path.replace(/\/[^/]*$/, '')))];
  const missing = names.filter((name) => libraries[name] === undefined);
  if (folders.length === 0) return `not installed: ${commandText('setup:cuda')}`;
  if (missing.length === 0) return folders.join(', ');
  return `${folders.join(', ')}, without ${missing.join(', ')}: ${commandText('setup:cuda')}`;
}

const installCommands: Readonly<Record<Tool, string>> = {
  python3: 'sudo apt install python3',
  pip: 'sudo apt install python3-pip',
  'g++': 'sudo apt install g++',
  make: 'sudo apt install make',
};

function toolRows({ tools }: MachineFacts): Row[] {
  return (Object.keys(installCommands) as Tool[]).map((tool) => [
    tool,
    tools[tool] ?? `missing: ${installCommands[tool]}`,
  ]);
}

function trainText({ train }: MachineFacts): string {
  return `${train.engine} on the ${train.device}: ${train.why}`;
}

function classifyText({ classify }: MachineFacts): string {
  return 'problem' in classify
    ? `cannot run: ${classify.problem}`
    : `${classify.runtime} on the ${classify.device}`;
}

function gibibytes(bytes: number): string {
  return `${(bytes / 2 ** 30).toFixed(1)} GiB`;
}
