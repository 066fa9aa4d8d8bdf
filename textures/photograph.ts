/**
 * Renders a grey photograph of a surface: camera distance and rotation, one lamp that shades the relief,
 * uneven light, exposure, contrast and sensor noise. All of these vary from picture to picture.
 */
import type { GreyImage } from '../model/image.ts';
import type { RandomStream } from '../model/random.ts';
import { sine } from './noise.ts';
import type { Material, SurfacePoint, SurfaceShader } from './surface.ts';

interface Camera {
  /** Surface pixels per picture pixel, times the cosine and sine of the rotation. */
  readonly across: number;
  readonly down: number;
  readonly originU: number;
  readonly originV: number;
}

/** Unit vector to the lamp. */
interface Lamp {
  readonly x: number;
  readonly y: number;
  readonly z: number;
  /** Share of ambient light. */
  readonly ambient: number;
}

interface Exposure {
  /** Relative change of brightness from edge to edge. */
  readonly slopeX: number;
  readonly slopeY: number;
  readonly contrast: number;
  /** Offset in grey levels. */
  readonly brightness: number;
  /** Standard deviation of the sensor noise in grey levels. */
  readonly noise: number;
}

/** Tone and height of a picture, with one additional row and column for the slope of the relief. */
interface Relief {
  readonly tone: Float32Array;
  readonly height: Float32Array;
}

/** `[height, width]` grey levels of one photograph of `surface`. */
export function photograph(
  surface: SurfaceShader,
  { turns, gloss }: Material,
  random: RandomStream,
  width: number,
  height: number,
): GreyImage {
  const relief = sampleSurface(surface, drawCamera(random, turns), width + 1, height + 1);
  const lamp = drawLamp(random);
  const exposure = drawExposure(random);
  return { data: develop(relief, lamp, gloss, exposure, random, width, height), width, height };
}

function drawCamera(random: RandomStream, turns: number): Camera {
  const scale = random.between(0.85, 1.2);
  const turn = random.between(-turns, turns);
  return {
    across: scale * sine(turn + 0.25),
    down: scale * sine(turn),
    originU: random.between(0, 5000),
    originV: random.between(0, 5000),
  };
}

function drawLamp(random: RandomStream): Lamp {
  // Light from the upper left quarter, as in photographs of objects on a table.
  const direction = random.between(0.5, 0.75);
  const z = random.between(0.55, 0.8);
  const flat = Math.sqrt(1 - z * z);
  return {
    x: flat * sine(direction + 0.25),
    y: flat * sine(direction),
    z,
    ambient: random.between(0.25, 0.45),
  };
}

function drawExposure(random: RandomStream): Exposure {
  return {
    slopeX: random.between(-0.25, 0.25),
    slopeY: random.between(-0.25, 0.25),
    contrast: random.between(0.75, 1.2),
    brightness: random.between(-22, 22),
    noise: random.between(1, 5),
  };
}

function sampleSurface(surface: SurfaceShader, camera: Camera, columns: number, rows: number): Relief {
  const tone = new Float32Array(columns * rows);
  const height = new Float32Array(columns * rows);
  const { across, down, originU, originV } = camera;
  const at: SurfacePoint = { u: 0.5, v: 0.5, tone: 0.5, height: 0.5 };
  for (let y = 0, i = 0; y < rows; y++) {
    for (let x = 0; x < columns; x++, i++) {
      at.u = originU + x * across - y * down;
      at.v = originV + x * down + y * across;
      surface(at);
      tone[i] = at.tone;
      height[i] = at.height;
    }
  }
  return { tone, height };
}

/** Diffuse light by Lambert's cosine law, highlights by Blinn's half-way vector (1977) to the 16th power. */
function develop(
  { tone, height }: Relief,
  lamp: Lamp,
  gloss: number,
  exposure: Exposure,
  random: RandomStream,
  width: number,
  rows: number,
): Uint8Array {
  const grey = new Uint8Array(width * rows);
  const halfLength = Math.sqrt(2 + 2 * lamp.z);
  const diffuse = (1 - lamp.ambient) / lamp.z;
  const gain = 255 * exposure.contrast;
  const offset = 128 - 128 * exposure.contrast + exposure.brightness;
  let state = random.integer(1, 0x7fffffff);
  for (let y = 0, i = 0; y < rows; y++) {
    const fallOffY = 1 + exposure.slopeY * (y / rows - 0.5);
    for (let x = 0; x < width; x++, i++) {
      const at = y * (width + 1) + x;
      const here = height[at] as number;
      const slopeX = (height[at + 1] as number) - here;
      const slopeY = (height[at + width + 1] as number) - here;
      const facing = 1 / Math.sqrt(slopeX * slopeX + slopeY * slopeY + 1);
      const towardsLamp = Math.max(0, (lamp.z - slopeX * lamp.x - slopeY * lamp.y) * facing);
      const halfWay = Math.max(0, (lamp.z + 1 - slopeX * lamp.x - slopeY * lamp.y) * (facing / halfLength));
      const lit =
        (tone[at] as number) * (lamp.ambient + diffuse * towardsLamp) + gloss * sixteenthPower(halfWay);
      const fallOff = fallOffY * (1 + exposure.slopeX * (x / width - 0.5));
      state = nextWord(state);
      const level = gain * lit * fallOff + offset + exposure.noise * bellShaped(state);
      grey[i] = level < 0 ? 0 : level > 255 ? 255 : Math.floor(level + 0.5);
    }
  }
  return grey;
}

function sixteenthPower(x: number): number {
  const fourth = x * x * (x * x);
  return fourth * fourth * (fourth * fourth);
}

/** Xorshift generator (Marsaglia 2003), 32 bits. */
function nextWord(state: number): number {
  const a = state ^ (state << 13);
  const b = a ^ (a >>> 17);
  return b ^ (b << 5);
}

/**
 * Approximately normal deviate of unit variance: the centred sum of a word's four bytes (Irwin-Hall of order
 * 4).
 */
function bellShaped(word: number): number {
  const sum = (word & 255) + ((word >>> 8) & 255) + ((word >>> 16) & 255) + (word >>> 24);
  return (sum - 510) / 147.8;
}
