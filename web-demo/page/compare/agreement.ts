/** How often a network names the same class as the reference, over the patches that both have read. */

export interface Agreement {
  readonly same: number;
  readonly count: number;
}

export const noAgreement: Agreement = { same: 0, count: 0 };

export function counted({ same, count }: Agreement, agrees: boolean): Agreement {
  return { same: same + (agrees ? 1 : 0), count: count + 1 };
}

/** Share of the patches; NaN of none. */
export function agreementShare({ same, count }: Agreement): number {
  return same / count;
}
