# What setup builds, in a copy of this folder with the npm package's `binding/` beside it. `wheel` is the folder of TensorFlow's
# libraries. It becomes the RUNPATH as it stands: those libraries look for NVIDIA's beside their own real place.
{
  'target_defaults': {
    'defines': ['NAPI_VERSION=8'],
  },
  'targets': [
    {
      'target_name': 'tfjs_binding',
      'sources': ['binding/tfjs_backend.cc', 'binding/tfjs_binding.cc'],
      'include_dirs': ['<(wheel)/include'],
      'libraries': [
        '<(wheel)/libtensorflow_cc.so.2',
        '<(wheel)/libtensorflow_framework.so.2',
        '-Wl,-rpath,<(wheel)',
      ],
    },
    {
      'target_name': 'hush',
      'sources': ['hush.c'],
    },
  ],
}
