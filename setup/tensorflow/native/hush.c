/*
 * Redirects the process's stderr to /dev/null and back, so that a command on TensorFlow does not start with TensorFlow's log lines,
 * which with CUDA look like errors. The libraries print them before they read TF_CPP_MIN_LOG_LEVEL, and JavaScript cannot duplicate a
 * file descriptor.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <node_api.h>
#include <unistd.h>

static int saved_stderr = -1;

static napi_value hush(napi_env env, napi_callback_info info) {
  (void)env;
  (void)info;
  if (saved_stderr >= 0) return NULL;
  int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
  if (nowhere < 0) return NULL;
  saved_stderr = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
  if (saved_stderr >= 0) dup2(nowhere, STDERR_FILENO);
  close(nowhere);
  return NULL;
}

static napi_value speak(napi_env env, napi_callback_info info) {
  (void)env;
  (void)info;
  if (saved_stderr < 0) return NULL;
  dup2(saved_stderr, STDERR_FILENO);
  close(saved_stderr);
  saved_stderr = -1;
  return NULL;
}

NAPI_MODULE_INIT() {
  napi_property_descriptor functions[] = {
      {"hush", NULL, hush, NULL, NULL, NULL, napi_enumerable, NULL},
      {"speak", NULL, speak, NULL, NULL, NULL, napi_enumerable, NULL},
  };
  napi_define_properties(env, exports, sizeof functions / sizeof *functions, functions);
  return exports;
}
