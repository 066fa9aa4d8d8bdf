/** Float16 numbers (IEEE 754 binary16), for which Node 20 has no typed array. */

/** The value of 16 bits. */
export function float16Value(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const [exponent, fraction] = [(bits >> 10) & 31, bits & 1023];
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1024 + fraction) * 2 ** (exponent - 25);
}

/** Below this normal value the spacing stays 2^-24. */
const smallestNormal = 2 ** -14;

/** The 16 bits of the float16 nearest to `value`, ties to even; infinite from 65520 on. */
export function float16Bits(value: number): number {
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const size = Math.abs(value);
  if (Number.isNaN(size)) return 0x7e00;
  if (size >= 65520) return sign | 0x7c00;
  if (size < smallestNormal) return sign | roundedToEven(size * 2 ** 24);
  const exponent = Math.floor(Math.log2(size));
  // 10 bits after the leading 1. One that rounds up to 2048 carries into the exponent, as it should.
  return sign | ((exponent + 14) * 1024 + roundedToEven(size * 2 ** (10 - exponent)));
}

function roundedToEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor;
}
