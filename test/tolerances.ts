/** Every tolerance of the tests, each with its reason. */
export const tolerances = {
  /**
   * Probabilities of one network in two float32 runtimes that sum in different orders; the allowed difference
   * of an export.
   */
  probability: 1e-4,
  /**
   * Logits of sizes from 1 to 5 in float32 against float64 or another runtime; the largest difference in any
   * variant was 2.4e-6.
   */
  logit: 2e-5,
  /** Values near 1 after a few float32 operations. */
  float32: 1e-6,
  /** Values near 1 after a few float64 operations. */
  float64: 1e-14,
  /**
   * Grey levels that JPEG, WebP and AVIF at qualities of 90 and more lose on a smooth picture, with colours
   * at half the resolution.
   */
  lossyImageLevels: 10,
  /**
   * Grey levels lost on the way to printing inks and back, whose range of colours is smaller, and in JPEG.
   */
  fourInkLevels: 20,
  /** Grey levels between two palettes of 256 colours for one picture. */
  paletteLevels: 12,
  /** Grey levels that a sheet of pictures loses in its palette of 256 colours. */
  sheetLevel: 2,
  /** Sums of a few hundred float64 products of sizes near 1, also by way of Winograd's transforms. */
  float64Sum: 1e-11,
  /**
   * Central differences of float64 with steps of 1e-5 on functions that are locally almost linear: rounding
   * divided by the step.
   */
  numericGradient: 1e-7,
  /** The loss of one step in two engines, of a size around 3. */
  loss: 1e-5,
  /** The mean loss of an epoch of a few steps in two engines: differences grow with each step. */
  epochLoss: 5e-4,
  /** Parameters after one step in two engines, relative to the root mean square of their tensor. */
  step: 1e-4,
  /**
   * Momentum buffers, which are mostly the gradient, as the norm of the difference: sums in another order,
   * and maxima of nearly equal values.
   */
  gradient: 2e-3,
  /** Logits of one network in two ways of computing it, of sizes up to 10, tiled convolutions among them. */
  engineLogit: 1e-4,
  /**
   * Logits of about 1 that a training step normalises by the statistics of seven patches, whose small variances
   * magnify rounding. Without the restored values the difference is above 0.1.
   */
  batchNormalisedLogit: 2e-3,
  /** Logits of about 1 after up to five steps in two runtimes, whose differences grow with each step. */
  stepsLogit: 1e-4,
  /** The loss of each of five steps in two runtimes, of a size around 2: four digits. */
  stepsLoss: 1e-4,
  /** Probabilities of one image from the portable and the throughput file, which use different algorithms. */
  servedProbability: 1e-5,
  /** Probabilities of one model in onnxruntime-web and onnxruntime-node for the same pixels. */
  pageProbability: 1e-5,
  /** A share of 20,000 or more random replicates against the exact one: at most four standard errors. */
  resampledShare: 0.008,
  /**
   * Limits of intervals from 100,000 replicates of Student's t with 2 degrees of freedom, in half lengths:
   * four standard errors.
   */
  resampledQuantile: 0.05,
  /**
   * The smallest detectable difference against that of the noncentral t distribution, which is 5 % larger for
   * three seeds.
   */
  detectableDifference: 0.08,
  /**
   * Grey levels between Chromium's and sharp's decoders for one JPEG of coloured noise with colours at half
   * the resolution.
   */
  jpegDecoderLevels: 6,
} as const;
