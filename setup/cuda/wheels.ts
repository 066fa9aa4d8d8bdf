/**
 * The Python wheels with onnxruntime's CUDA provider and NVIDIA's libraries, and the libraries in them that are
 * used. NVIDIA's are those of CUDA 13.0, so that the first driver for CUDA 13 runs them: code that a later
 * NVRTC compiles may need a later driver.
 */
export interface PinnedLibrary {
  readonly name: string;
  readonly bytes: number;
  readonly sha256: string;
}

export interface PinnedWheel {
  readonly name: string;
  readonly version: string;
  /** Its platform tag. */
  readonly platform: string;
  readonly bytes: number;
  readonly sha256: string;
  /** The folder of the libraries in it. */
  readonly folder: string;
  readonly libraries: readonly PinnedLibrary[];
}

/** The provider first: the same version as onnxruntime-node's. */
export const cudaWheels: readonly PinnedWheel[] = [
  {
    name: 'onnxruntime-gpu',
    version: '1.30.0',
    platform: 'manylinux_2_28_x86_64',
    bytes: 246_685_715,
    sha256: '6acc0f4b3d5ac5f2984432faa59dd8fcce6775f8b43a7140afa0f322c7a703b1',
    folder: 'onnxruntime/capi',
    libraries: [
      {
        name: 'libonnxruntime_providers_cuda.so',
        bytes: 272_049_904,
        sha256: '35da2e7ed0dd0d1aec5cdb16ce11a51d06c0c48cf62d1b1c9332946a4fae14fc',
      },
      {
        name: 'libonnxruntime_providers_shared.so',
        bytes: 14_632,
        sha256: '086ec1d5388f64153d9c63470d126693db9a182c8ce236d3a1119068471b8a0d',
      },
    ],
  },
  {
    name: 'nvidia-cuda-runtime',
    version: '13.0.96',
    platform: 'manylinux2014_x86_64',
    bytes: 2_243_632,
    sha256: '7f82250d7782aa23b6cfe765ecc7db554bd3c2870c43f3d1821f1d18aebf0548',
    folder: 'nvidia/cu13/lib',
    libraries: [
      {
        name: 'libcudart.so.13',
        bytes: 704_288,
        sha256: '96c42e418cec19054186b9429c321603cc190bf26a18104e19408117a2a817b0',
      },
    ],
  },
  {
    name: 'nvidia-cuda-nvrtc',
    version: '13.0.88',
    platform: 'manylinux2010_x86_64',
    bytes: 90_215_200,
    sha256: 'ad9b6d2ead2435f11cbb6868809d2adeeee302e9bb94bcf0539c7a40d80e8575',
    folder: 'nvidia/cu13/lib',
    libraries: [
      {
        name: 'libnvrtc.so.13',
        bytes: 109_338_064,
        sha256: 'a49e67e8e74590f1e98de55c39c6287efd3f59e3c3797464d7bbe0fe01349b11',
      },
      {
        name: 'libnvrtc-builtins.so.13.0',
        bytes: 4_380_616,
        sha256: '91dcd944d01da9c0f08fff5d779db136a47f6d62bdb63bae900d2f481e92c3a2',
      },
    ],
  },
  {
    name: 'nvidia-cublas',
    version: '13.1.0.3',
    platform: 'manylinux_2_27_x86_64',
    bytes: 423_133_236,
    sha256: 'ee8722c1f0145ab246bccb9e452153b5e0515fd094c3678df50b2a0888b8b171',
    folder: 'nvidia/cu13/lib',
    libraries: [
      {
        name: 'libcublasLt.so.13',
        bytes: 541_595_600,
        sha256: '656298c804f5adbb0df930545c17911b9584ab4e5101c0eeb65d1fe881d880f8',
      },
      {
        name: 'libcublas.so.13',
        bytes: 54_177_976,
        sha256: 'e70f38efabe986acd5eb683497c62f0f1730a6176ee291d9d24c6e339d1fbf86',
      },
    ],
  },
  {
    name: 'nvidia-curand',
    version: '10.4.0.35',
    platform: 'manylinux_2_27_x86_64',
    bytes: 59_544_258,
    sha256: '1aee33a5da6e1db083fe2b90082def8915f30f3248d5896bcec36a579d941bfc',
    folder: 'nvidia/cu13/lib',
    libraries: [
      {
        name: 'libcurand.so.10',
        bytes: 132_698_328,
        sha256: 'b53732a66b302b11926e00f762e2c2ba67058347ff93cf4ae709de45e93e06da',
      },
    ],
  },
  {
    name: 'nvidia-cudnn-cu13',
    version: '9.19.0.56',
    platform: 'manylinux_2_27_x86_64',
    bytes: 366_066_321,
    sha256: 'd20e1734305e9d68889a96e3f35094d733ff1f83932ebe462753973e53a572bf',
    folder: 'nvidia/cudnn/lib',
    libraries: [
      {
        name: 'libcudnn.so.9',
        bytes: 129_240,
        sha256: '94f44e2e8fb2d4bca8c534b14f03ef84e095376dad72a257fd854377ef0b3427',
      },
      {
        name: 'libcudnn_graph.so.9',
        bytes: 4_451_728,
        sha256: 'e292c689093f22325bffb7f84e68c58067c062a5cdd5534914ac1449f0a4e23f',
      },
      {
        name: 'libcudnn_ops.so.9',
        bytes: 39_855_888,
        sha256: '3e9182b90e8ba33027c1dcf42741ba2a8799eef3e8047cf341e00a6091ddec97',
      },
      {
        name: 'libcudnn_cnn.so.9',
        bytes: 4_203_904,
        sha256: '36480b885ab03685d9b07c9fca4bbaeb3e7c3c7c4d81297cf8195b72cd3d8f20',
      },
      {
        name: 'libcudnn_adv.so.9',
        bytes: 109_169_104,
        sha256: '87e2199f5bca489a1ed863afbb0b421c822fe0081a956d8c69216b3ae37c135f',
      },
      {
        name: 'libcudnn_heuristic.so.9',
        bytes: 60_822_040,
        sha256: '9e0202a6bcc055fc921972f335be9eeec95e469582e0f603f6548df5209ab7dc',
      },
      {
        name: 'libcudnn_engines_precompiled.so.9',
        bytes: 245_391_920,
        sha256: '7f8ce268b43c0fab298cc43854a006195bc16c0ed43bedf63b11f3699e92c6ae',
      },
      {
        name: 'libcudnn_engines_runtime_compiled.so.9',
        bytes: 29_386_400,
        sha256: '1b0025cfeab270688d4563e287a5009389464ff140d0ebcf708314223523b99b',
      },
    ],
  },
];
