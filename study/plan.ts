/**
 * The plan of a study: its networks (arms) from the requested variants and controls, and what may change when
 * it is resumed.
 */

import { TexturaError } from '../model/error.ts';
import { type VariantName, variantNames } from '../model/network.ts';
import type { ControlMeasure, Study, StudyArm, StudyData } from '../model/study-file.ts';
import { oneLine } from '../model/words.ts';
import { flagOf } from '../node/command-line.ts';
import { productVersion } from '../node/product-version.ts';
import type { Dataset } from '../training/data/dataset.ts';
import { areGroupFiles } from '../training/data/groups.ts';
import { controlWidth, familyOf, type StudiedNetwork, studiedNetworkOf } from './families.ts';
import { newTuning } from './tuning.ts';

export const everyVariant = 'all';

/**
 * The names of a list such as `no-relu1,no-pool2`, or all of the network's, in their order. The whole network
 * is always included, because all others are compared with it. Errors: `usage`, naming unknown ones.
 */
export function variantsOf(list: string, network: StudiedNetwork): readonly string[] {
  const known = familyOf(network).map(({ name }) => name);
  const full = (name: string) => (known.includes(`${network}-${name}`) ? `${network}-${name}` : name);
  const names = list === everyVariant ? known : list.split(',').map((name) => full(name.trim()));
  const unknown = names.filter((name) => !known.includes(name));
  if (unknown.length > 0) {
    throw new TexturaError(
      'usage',
      `--variants: expected "${everyVariant}" or names from ${known.join(', ')}, got "${unknown.join(', ')}"`,
    );
  }
  return known.filter((name, i) => i === 0 || names.includes(name));
}

/**
 * The arms of the names, then a control for each variant of the reference and measure in which its size
 * differs from the reference's.
 */
export function armsOf(
  names: readonly string[],
  controls: readonly ControlMeasure[],
  classes: number,
  network: StudiedNetwork,
): readonly StudyArm[] {
  const plain = familyOf(network).filter(({ name }) => names.includes(name));
  const controlling = variantNames
    .filter((variant) => names.includes(variant))
    .flatMap((variant) => controls.flatMap((measure) => controlArm(variant, measure, classes) ?? []));
  return [...plain, ...controlling];
}

function controlArm(variant: VariantName, measure: ControlMeasure, classes: number): StudyArm | undefined {
  const width = controlWidth(variant, measure, classes);
  if (width === undefined) return undefined;
  const name = `reference-with-${measure}-of-${variant}`;
  return { name, variant: 'reference', width, controls: { variant, measure } };
}

/** What the options request, before the data is read. */
export interface StudyPlan {
  readonly config: Study['config'];
  readonly recipe: Study['recipe'];
  /** Whose parts are removed. */
  readonly network: StudiedNetwork;
  /** Names of the arms without controls. */
  readonly variants: readonly string[];
  readonly controls: readonly ControlMeasure[];
  /** Number of learning rates that are tried for each network; undefined if all have that of the settings. */
  readonly tuneRates: number | undefined;
  /** Margin of equivalence, in percentage points of top-1 error. */
  readonly marginPoints: number;
  readonly seeds: readonly number[];
}

export function newStudy(
  { config, recipe, network, variants, controls, tuneRates, marginPoints, seeds }: StudyPlan,
  data: StudyData,
): Study {
  return {
    textura: productVersion(),
    recipe,
    config,
    arms: [...armsOf(variants, controls, data.classes.length, network)],
    seeds: [...seeds],
    ...(tuneRates && { tuning: newTuning(tuneRates, config.learningRate, seeds[0] ?? 1) }),
    marginPoints,
    data,
    failures: {},
    startedAt: new Date().toISOString(),
  };
}

/** The properties of the data that all runs of a study share. */
export function studyData({ labels, train, validation, contentFingerprint }: Dataset): StudyData {
  const images = [...train, ...validation];
  const classes = labels.map((label, index) => ({
    label,
    images: images.filter((image) => image.label === index).length,
  }));
  return { fingerprint: contentFingerprint, classes };
}

/**
 * The plan of a resumed study: its own variants and seeds, and those that the options add. The data folder and
 * a file of groups may have moved. Errors: `usage`, naming each setting in `given` that differs from the study's.
 */
export function resumedPlan(stored: Study, asked: StudyPlan, given: ReadonlySet<string>): StudyPlan {
  const tuneRates = stored.tuning?.rates.length;
  const network = studiedNetworkOf(stored.arms);
  const [before, now] = [settingsOf({ ...stored, network, tuneRates }), settingsOf(asked)];
  const isFile = (key: string) =>
    key === 'data' || (key === 'group' && areGroupFiles(stored.config.group, asked.config.group));
  const changed = [...given].filter(
    (key) => !isFile(key) && key in now && valueText(before, key) !== valueText(now, key),
  );
  if (changed.length > 0) {
    const list = changed.map(
      (key) => `${flagOf(key)} was ${valueText(before, key)}, now ${valueText(now, key)}`,
    );
    throw new TexturaError('usage', `--resume keeps the settings of the study: ${list.join('; ')}`);
  }
  const own = stored.arms.filter((arm) => arm.controls === undefined).map(({ name }) => name);
  const added = given.has('variants') ? asked.variants : [];
  const [firstSeed = 0] = stored.seeds;
  const wanted = given.has('seeds') ? asked.seeds.map((_, i) => firstSeed + i) : [];
  return {
    config: {
      ...stored.config,
      ...(given.has('data') ? { data: asked.config.data } : {}),
      ...(given.has('group') ? { group: asked.config.group } : {}),
    },
    recipe: stored.recipe,
    network,
    variants: familyOf(network)
      .map(({ name }) => name)
      .filter((name) => own.includes(name) || added.includes(name)),
    controls: asked.controls,
    tuneRates,
    marginPoints: stored.marginPoints,
    seeds: [...new Set([...stored.seeds, ...wanted])].sort((a, b) => a - b),
  };
}

/**
 * A resumed study: arms are added, never removed, and failed runs are retried.
 * Errors: `usage` if the data has changed, naming the changes.
 */
export function extendedStudy(directory: string, stored: Study, plan: StudyPlan, data: StudyData): Study {
  requireSameStudyData(directory, stored.data, data, plan.config.data);
  const known = new Set(stored.arms.map(({ name }) => name));
  const asked = armsOf(plan.variants, plan.controls, data.classes.length, plan.network);
  return {
    ...stored,
    config: plan.config,
    data,
    arms: inOrder([...stored.arms, ...asked.filter(({ name }) => !known.has(name))]),
    seeds: [...plan.seeds],
    failures: {},
  };
}

function requireSameStudyData(
  directory: string,
  before: StudyData | undefined,
  now: StudyData,
  source: string,
): void {
  if (before === undefined || before.fingerprint === now.fingerprint) return;
  const changes = dataChanges(before, now);
  const shown = changes.slice(0, shownChanges).join('; ');
  const more = changes.length > shownChanges ? `; and ${changes.length - shownChanges} more` : '';
  throw new TexturaError(
    'usage',
    oneLine(`${source}: not the data that the study ${directory} started with: ${shown}${more}. `) +
      'All runs of a study must use the same photographs: restore them, or start a new study with another --out',
  );
}

const shownChanges = 5;

function dataChanges(before: StudyData, now: StudyData): readonly string[] {
  const counts = ({ classes }: StudyData) => new Map(classes.map(({ label, images }) => [label, images]));
  const [had, has] = [counts(before), counts(now)];
  const changes = [...new Set([...had.keys(), ...has.keys()])].flatMap((label) => {
    const [old, current] = [had.get(label), has.get(label)];
    if (old === current) return [];
    if (old === undefined) return [`the class ${label} is new`];
    if (current === undefined) return [`the class ${label} is missing`];
    return [`${label} has ${current} images, it had ${old}`];
  });
  return changes.length > 0
    ? changes
    : ['the classes have as many images, but other images or another split'];
}

/** By the names of their options; the first seed is `--seed`. */
function settingsOf({
  config,
  recipe,
  network,
  tuneRates,
  marginPoints,
  seeds,
}: Pick<StudyPlan, 'config' | 'recipe' | 'network' | 'tuneRates' | 'marginPoints' | 'seeds'>): Readonly<
  Record<string, unknown>
> {
  return { ...config, recipe, network, tuneRates, margin: marginPoints, seed: seeds[0] };
}

function valueText(settings: Readonly<Record<string, unknown>>, key: string): string {
  return String(settings[key] ?? 'not set');
}

function inOrder(arms: readonly StudyArm[]): StudyArm[] {
  const family = familyOf(studiedNetworkOf(arms)).map(({ name }) => name);
  const place = ({ name, controls }: StudyArm) =>
    controls === undefined
      ? family.indexOf(name)
      : variantNames.length + variantNames.indexOf(controls.variant);
  return arms.toSorted((a, b) => place(a) - place(b));
}
