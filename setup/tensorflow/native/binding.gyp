# Built in a copy of this folder that also has the npm package's `binding/`. `wheel` is the folder of TensorFlow's libraries and
# becomes the RUNPATH, because those libraries find NVIDIA's relative to their real path.
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
