/** WebGPU without a GPU: the software Vulkan that comes with Chromium, for processes of their own. */
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';

/** Where distributions put Chromium's description of its driver, and Vulkan's loader. */
const drivers = ['/usr/lib/chromium', '/usr/lib64/chromium-browser', '/opt/google/chrome'].map(
  (folder) => `${folder}/vk_swiftshader_icd.json`,
);
const loaders = ['/usr/lib/x86_64-linux-gnu', '/usr/lib/aarch64-linux-gnu', '/usr/lib64', '/usr/lib'].map(
  (folder) => `${folder}/libvulkan.so.1`,
);

/** The environment in which onnxruntime finds a software WebGPU device, or what this machine lacks for it. */
export function softwareVulkan():
  | { readonly env: Readonly<Record<string, string>> }
  | { readonly missing: string } {
  const driver = process.env.VK_ICD_FILENAMES ?? drivers.find(existsSync);
  if (driver === undefined) return { missing: `no software Vulkan driver: none of ${drivers.join(', ')}` };
  if (!loaders.some(existsSync)) return { missing: `no Vulkan loader: none of ${loaders.join(', ')}` };
  // Without a folder of its own Vulkan's loader complains on stderr.
  return { env: { VK_ICD_FILENAMES: driver, XDG_RUNTIME_DIR: process.env.XDG_RUNTIME_DIR ?? tmpdir() } };
}
