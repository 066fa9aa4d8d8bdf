/** The worst photographs of an evaluation, as a sheet of pictures with captions. */

import type { PhotographResult } from '../model/evaluation-file.ts';
import { evidenceColours } from '../model/evidence-colour.ts';
import { count, percent } from '../model/format.ts';
import { counted } from '../model/words.ts';
import { html, type Markup, nameText, nothing } from './markup.ts';
import { section } from './page.ts';

/** A photograph as data URLs. */
export interface WorstPicture {
  readonly plain: string;
  /** Under the colours of what speaks for the predicted class and what for the class `against`. */
  readonly why?: { readonly picture: string; readonly against: string };
}

export function worstSection(
  worst: readonly PhotographResult[],
  pictures: ReadonlyMap<string, WorstPicture>,
): Markup {
  const wrong = worst.filter(({ label, prediction }) => label !== prediction).length;
  const note =
    wrong === 0
      ? 'All are right; these are the least certain.'
      : wrong === worst.length
        ? 'Misclassified, the lowest probability of the true class first.'
        : 'First the misclassified ones, then the least certain of the others.';
  const figures = worst.map((photograph) => pictureOf(photograph, pictures.get(photograph.file)));
  const canTellWhy = worst.some(({ file }) => pictures.get(file)?.why !== undefined);
  const choice = html`<input type="checkbox" id="why"> <label for="why">Colour the places that speak for the predicted class <b class="for">orange</b>, and those that speak for the other class named <b class="against">blue</b></label>
`;
  return section(
    'Worst photographs',
    note,
    html`${canTellWhy ? choice : nothing}<div class="sheet">${figures}</div>`,
  );
}

function pictureOf(
  { file, label, prediction, probability, patches, wrongPatches }: PhotographResult,
  picture: WorstPicture | undefined,
): Markup {
  const why = picture?.why;
  const image = html`${
    picture === undefined ? nothing : html`<img class="plain" src="${picture.plain}" alt="${file}">`
  }${
    why === undefined
      ? nothing
      : html`<img class="why" src="${why.picture}" alt="${file}: what speaks for ${prediction} and for ${why.against}">`
  }`;
  const isWrong = label !== prediction;
  const verdict = html`<b class="${isWrong ? 'mistake' : 'right'}">${nameText(prediction)}</b> ${percent(probability)}`;
  const truth = isWrong
    ? html`<br>is ${nameText(label)}`
    : why === undefined
      ? nothing
      : html`<br><span>and not ${nameText(why.against)}</span>`;
  return html`<figure class="${why === undefined ? '' : 'has-why'}">${image}<figcaption>${verdict}${truth}<br><span>${count(wrongPatches)} of ${counted(patches, 'patch', 'patches')} wrong</span><br><span>${nameText(file)}</span></figcaption></figure>
`;
}

/** Pictures with captions, as many in a row as fit. */
export const photographSheetStyle = `
.sheet{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(148px,45%),1fr));gap:16px 14px;max-width:1120px}
figure{margin:0;min-width:0}
figure img{width:100%;aspect-ratio:4/3;object-fit:cover}
figcaption{font-size:.8rem;line-height:1.35;margin-top:5px;overflow-wrap:anywhere}
figcaption span{color:var(--muted);font-size:.74rem}
.mistake{color:var(--wrong)}
.right{color:var(--validation)}
.sheet .why,#why:checked~.sheet .has-why .plain{display:none}
#why:checked~.sheet .why{display:block}
label[for=why]{font-size:.9rem}
.sheet{margin-top:14px}
.for{border-bottom:3px solid rgb(${evidenceColours.first.join(' ')})}
.against{border-bottom:3px solid rgb(${evidenceColours.second.join(' ')})}
`;
