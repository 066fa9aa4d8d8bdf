/** What a study is to hold: its arms from the variants and controls asked for, and what may change when it goes on. */
import { controlWidth } from '../../model/control.ts';
import { TexturaError } from '../../model/error.ts';
import { type VariantName, variantNames } from '../../model/network.ts';
import type { ControlMeasure, Study, StudyArm } from '../../model/study-file.ts';
import { flagOf } from '../../node/command-line.ts';

export const everyVariant = 'all';

/**
 * The variants of a list such as `no-relu1,no-pool2`, or all of them, in the paper's order. The reference is always among them:
 * every other one is compared with it. Errors: `usage`, naming what is not a variant.
 */
export function variantsOf(list: string): readonly VariantName[] {
  const names = list === everyVariant ? variantNames : list.split(',').map((name) => name.trim());
  const unknown = names.filter((name) => !(variantNames as readonly string[]).includes(name));
  if (unknown.length > 0) {
    throw new TexturaError(
      'usage',
      `--variants: expected "${everyVariant}" or some of ${variantNames.join(', ')}, got "${unknown.join(', ')}"`,
    );
  }
  return variantNames.filter((name) => name === 'reference' || (names as readonly string[]).includes(name));
}

/** An arm for each variant, then for each that differs from the reference in the measure a control of its size. */
export function armsOf(
  variants: readonly VariantName[],
  controls: ControlMeasure | undefined,
  classes: number,
): readonly StudyArm[] {
  const plain = variants.map((variant): StudyArm => ({ name: variant, variant, width: 1 }));
  if (controls === undefined) return plain;
  return [...plain, ...variants.flatMap((variant) => controlArm(variant, controls, classes) ?? [])];
}

function controlArm(variant: VariantName, measure: ControlMeasure, classes: number): StudyArm | undefined {
  const width = controlWidth(variant, measure, classes);
  if (width === undefined) return undefined;
  const name = `reference-with-${measure}-of-${variant}`;
  return { name, variant: 'reference', width, controls: { variant, measure } };
}

/**
 * The study that a resumed one becomes: arms and seeds are added, never taken away; failed runs are tried again.
 * Errors: `usage`, naming each setting in `given` that is another than the study's. The data folder may have moved.
 */
export function extendedStudy(stored: Study, asked: Study, given: ReadonlySet<string>): Study {
  const [before, now] = [settingsOf(stored), settingsOf(asked)];
  const changed = [...given].filter(
    (key) => key !== 'data' && key in now && valueText(before, key) !== valueText(now, key),
  );
  if (changed.length > 0) {
    const list = changed.map(
      (key) => `${flagOf(key)} was ${valueText(before, key)}, now ${valueText(now, key)}`,
    );
    throw new TexturaError('usage', `--resume goes on with the study's own settings: ${list.join('; ')}`);
  }
  const known = new Set(stored.arms.map(({ name }) => name));
  return {
    ...stored,
    config: given.has('data') ? { ...stored.config, data: asked.config.data } : stored.config,
    arms: inOrder([...stored.arms, ...asked.arms.filter(({ name }) => !known.has(name))]),
    seeds: [...new Set([...stored.seeds, ...asked.seeds])].sort((a, b) => a - b),
    failures: {},
  };
}

function settingsOf({ config, recipe }: Study): Readonly<Record<string, unknown>> {
  return { ...config, recipe };
}

function valueText(settings: Readonly<Record<string, unknown>>, key: string): string {
  return String(settings[key] ?? 'not set');
}

function inOrder(arms: readonly StudyArm[]): StudyArm[] {
  const place = ({ variant, controls }: StudyArm) =>
    controls === undefined
      ? variantNames.indexOf(variant)
      : variantNames.length + variantNames.indexOf(controls.variant);
  return arms.toSorted((a, b) => place(a) - place(b));
}
