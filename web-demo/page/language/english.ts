/** The page's texts in English. Other languages have the same keys. */
export const english = {
  'page.title': 'Textura: recognise textures with a small neural network',
  'page.claim': 'Recognises the texture of surfaces. Your pictures stay on this device.',
  'page.skip': 'Skip to the result',
  'page.language': 'Language',
  'page.foot': 'Everything is computed in this browser. Pictures are not uploaded.',
  'page.offline': 'After the first visit, the page works offline.',
  'page.insecure':
    'The page works offline only when you open it over https, or as http://localhost on this device.',
  'page.notStored': 'This browser does not let the page store data. Not stored: {things}.',
  'page.notStored.language': 'the chosen language',
  'page.notStored.teaching': 'your surfaces and the trained model',
  'page.notStored.offline': 'the page for offline use',

  'view.live': 'Live',
  'view.compare': 'Compare',
  'view.see': 'See',
  'view.teach': 'Teach',
  'view.choose': 'Views',

  'source.heading': 'Picture',
  'source.camera': 'Camera',
  'source.stop': 'Stop camera',
  'source.file': 'Open picture',
  'source.samples': 'Sample textures',
  'source.hint': 'or drop or paste a picture anywhere',
  'source.device': 'Camera',
  'source.torch': 'Light',
  'source.zoom': 'Zoom',
  'source.patchwork': 'Patchwork',
  'source.redraw': 'New samples',
  'source.sample': 'Sample texture {name}',
  'source.failed': 'The sample textures could not be drawn. Open a picture, or reload the page.',
  'source.drop': 'Drop to open this picture',
  'source.cameraName': 'Camera {number}',

  'camera.insecure':
    'The camera works only when you open this page over https, or as http://localhost on this device.',
  'camera.unsupported': 'This browser does not support cameras. Open a picture or choose a sample instead.',
  'camera.denied':
    'Camera access is blocked. Allow it in the browser’s address bar (camera or lock icon), then press Camera again.',
  'camera.none': 'No camera found. Connect one and press Camera again, or open a picture.',
  'camera.busy':
    'The camera did not start. Another program may be using it: close that program and press Camera again.',
  'camera.lost': 'The camera was disconnected. Reconnect it and press Camera. The last picture stays.',

  'picture.not-picture':
    'This file is not a picture. Supported formats: JPEG, PNG, WebP, GIF, AVIF, BMP, PGM, PPM and PBM.',
  'picture.unsupported': 'This {kind} picture cannot be opened here. Save it as JPEG or PNG first.',
  'picture.damaged': 'This picture cannot be opened: the file is incomplete, damaged or of an unusual type.',
  'picture.too-large':
    'This picture has more than {limit} pixels. Save a smaller copy, or raise the limit: open this page with ?max-image-pixels=NUMBER.',
  'picture.too-small':
    'This picture is {width} x {height} pixels, but each side needs at least {least}. Open a larger picture, or use a model trained with a smaller --patch-px.',
  'picture.stretched':
    'This 16-bit picture uses only {bits} bits. Its brightness was scaled to the full range, as in training.',
  'picture.noise':
    'This browser alters picture data slightly to prevent fingerprinting, so results may be slightly off. Allow canvas data for this page to get exact results.',

  'stage.side': 'Square size',
  'stage.square':
    'Square to classify, {side} pixels wide, at {x}, {y}. Arrow keys move it, plus and minus resize it.',

  'model.choose': 'Model',
  'model.loading': 'Loading {name} …',
  'model.failed': '{name} cannot be used: {reason}',
  'model.verified': 'Verified',
  'model.verifiedDetails':
    'On the model’s test patches, this device computes the expected probabilities to within {difference}.',
  'model.none': 'There are no models yet. Train and export one:',
  'model.unlisted': 'The list of models could not be loaded: {reason}',
  'model.retry': 'Try again',
  'model.taught': '{name} (trained here)',
  'model.opened': '{name} (opened file)',

  'provider.choose': 'Runs on',
  'provider.auto': 'Automatic',
  'provider.wasm': 'WebAssembly',
  'provider.webgpu': 'WebGPU',
  'provider.threads': 'WebAssembly, {threads} threads',
  'provider.single': 'WebAssembly, 1 thread',
  'provider.none': 'This browser cannot run models',
  'provider.insecure':
    'WebGPU and several threads need a page opened over https, or as http://localhost on this device.',
  'provider.isolation':
    'One thread, because the server does not isolate the page. To allow several, it must send the headers Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp.',
  'provider.starting': 'Starting …',
  'provider.checking': 'Checking WebGPU …',
  'provider.slower': 'WebGPU works, but is slower here: {webgpu} ms per patch instead of {wasm} ms.',
  'provider.refused': '{provider} is not used: {reason}',

  'fault.no-webgpu': 'this browser does not support it.',
  'fault.no-adapter': 'no graphics processor was found.',
  'fault.no-device':
    'the graphics processor could not be opened. Close other programs that use it, or restart the browser.',
  'fault.no-answer': 'it did not respond within {seconds} seconds.',
  'fault.device-lost':
    'the graphics processor was lost (its driver restarted, or it ran out of memory). Choose WebGPU to try again.',
  'fault.file-missing':
    '{file} could not be loaded. Check the connection, and that the server has all files of the page.',
  'fault.wrong-numbers':
    'its results are wrong (probabilities differ by {difference}, at most {tolerance} is allowed).',
  'fault.model-unusable': 'the file cannot be read ({message}). Export it again.',
  'fault.diverged':
    'the training did not converge ({message}). Collect more patches, or retrain only the last layer.',
  'fault.failed': 'an unexpected error occurred. Reload the page; the browser’s console has the details.',

  'live.heading': 'Result',
  'live.patch': 'The 64 x 64 grey levels that the model sees',
  'live.scope': 'Classify',
  'live.square': 'the square',
  'live.whole': 'the whole picture',
  'live.patches': 'average of {count} patches',
  'live.none': 'None of my surfaces',
  'live.noneWhy':
    'It differs from all surfaces that the model was trained on; {label} is the least different.',
  'live.waiting': 'Waiting for a picture',
  'live.loading': 'Loading the model …',
  'live.failed': 'The picture could not be classified: {reason}',
  'live.unusable': 'No model available',
  'live.bars': 'The five most likely classes',
  'time.heading': 'Time per picture',
  'time.frames': 'Frames/s',
  'time.grab': 'Read',
  'time.preprocess': 'Prepare',
  'time.infer': 'Compute',

  'compare.heading': 'All models on this patch',
  'compare.loading': 'Loading {count} models …',
  'compare.model': 'Model',
  'compare.lacks': 'without {layers}',
  'compare.top': 'Prediction',
  'compare.probability': 'Probability',
  'compare.unusable': 'cannot be used',
  'compare.agrees': 'Agrees',
  'compare.same': 'same',
  'compare.differs': 'differs',
  'compare.agreement': '{share} of {count}',
  'compare.latency': 'Time',
  'compare.size': 'Size',
  'compare.error': 'Error',
  'compare.note':
    'Agrees: whether the prediction is that of the reference model, on this patch and as a share of all patches in this view. Error: share of single validation patches classified wrong in the training run.',
  'compare.single':
    'Only one model is exported. To compare it with others, run npm run train -- --network all and npm run export.',

  'see.heading': 'What the model sees',
  'see.map': 'Heat map',
  'see.mapWhy': 'The model classifies every position in the picture. Choose a class to see where it appears.',
  'see.all': 'most likely class',
  'see.class': 'Show',
  'see.stats': '{columns} x {rows} positions, {stride} px apart, in {ms} ms',
  'see.difference':
    'The heat map normalises each pixel by its surroundings, the result normalises the square as a whole, so the two can differ. In the square, the map says {map}, the result says {result}.',
  'see.layers': 'Activation maps',
  'see.layersWhy':
    'The output of each layer for the square. Point at a map to mark the part of the picture that a value depends on.',
  'see.layer': 'Layer',
  'see.field': '{shape}: each value depends on {field} x {field} pixels of the patch',
  'see.mapTitle': 'Map {number} of {layer}',
  'see.filters': 'First filters',
  'see.filtersWhy':
    'The {count} kernels of conv1, with {side} x {side} weights each. Dark is negative, light is positive.',
  'see.opacity': 'Opacity',

  'teach.heading': 'Teach your own surfaces',
  'teach.why':
    'Name two or more surfaces, point the square at each one and hold its button to collect patches. Then train a model on them.',
  'teach.name': 'Name of surface {number}',
  'teach.namePlaceholder': 'for example oak',
  'teach.add': 'Add a surface',
  'teach.hold': 'Hold to collect',
  'teach.noPatches': 'No patches yet.',
  'teach.holdHint':
    'Hold the button, or focus it and hold the space bar. From a still picture, patches of this size are taken at random positions.',
  'teach.count': '{count} patches',
  'teach.remove': 'Remove {name} and its patches',
  'teach.removePatch': 'Remove patch {number} of {name}',
  'teach.train': 'Train',
  'teach.modelName': 'Name of the model',
  'teach.depth': 'Retrain',
  'teach.head': 'the last layer (seconds)',
  'teach.all': 'all layers (a minute)',
  'teach.stop': 'Stop',
  'teach.progress': '{stage}: {done} of {total}',
  'teach.features': 'Computing features',
  'teach.learning': 'Training',
  'teach.curve': 'Training loss',
  'teach.step': 'training step',
  'teach.loss': 'loss',
  'teach.lossNow': 'Loss {loss} after step {step} of {total}',
  'teach.result': '{wrong} of {count} held-out patches wrong ({error})',
  'teach.right': '{right} of {count} right',
  'teach.resultNote':
    'Held out for testing: the last fifth of the patches of each surface. Other pictures may be harder.',
  'teach.saved': 'Saved as {name} in the list of models.',
  'teach.time': 'Trained on {count} patches in {seconds} s, starting from {base}.',
  'teach.failed': 'Training failed: {reason}',
  'teach.needNames': 'Give each surface a different name. It must not contain / or \\ or start with a dot.',
  'teach.needPatches': 'Collect at least {least} patches of each surface, and at least two surfaces.',
  'teach.needModelName':
    'Choose a name for the model that no other model has. It must not contain / or \\ or start with a dot.',
  'teach.download': 'Download ONNX',
  'teach.try': 'Try in Live',
  'teach.project': 'Project',
  'teach.export': 'Export project',
  'teach.import': 'Import project',
  'teach.not-project': '{file} is not a project. Choose a zip file that Export project saved.',
  'teach.too-large': '{file} is larger than 250 MB when unpacked. Remove patches from it first.',
  'teach.deleteAll': 'Delete everything',
  'teach.removed': 'Removed {name} (patches: {count}).',
  'teach.deletedAll':
    'Removed everything (surfaces: {surfaces}, patches: {patches}). It is deleted permanently after {seconds} seconds; reloading the page before then restores it.',
  'teach.undo': 'Undo',
  'teach.deleteNow': 'Delete now',
  'teach.noBase': 'There is no exported model to start from.',
  'teach.stored':
    'Saved in this browser: reloading the page keeps everything. Export the project to continue on another device, or to train on its patches with npm run train.',
  'teach.notStored': 'This browser does not save data for this page. Export the project to keep it.',
} as const;

export type TextKey = keyof typeof english;
/** Every language has all texts. */
export type Texts = Readonly<Record<TextKey, string>>;
