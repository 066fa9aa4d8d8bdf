/** The page's texts in English. Other languages have the same keys. */
export const english = {
  'page.title': 'Textura: what a small network sees in surfaces',
  'page.claim': 'A sample book that reads surfaces. Nothing leaves this machine.',
  'page.skip': 'Skip to the reading',
  'page.language': 'Language',
  'page.foot': 'Pictures are decoded, cut and read in this browser.',
  'page.offline': 'The page works without a network once it has been visited.',
  'page.insecure':
    'The page works without a network only where it is opened over https, or as http://localhost on this machine.',
  'page.unkept': 'This browser does not let the page keep data. Not kept: {things}.',
  'page.unkept.language': 'the language chosen here',
  'page.unkept.lessons': 'what you teach',
  'page.unkept.offline': 'the page for use without a network',

  'view.live': 'Live',
  'view.compare': 'Compare',
  'view.see': 'See',
  'view.teach': 'Teach',
  'view.choose': 'Views',

  'source.heading': 'Picture',
  'source.camera': 'Camera',
  'source.stop': 'Stop camera',
  'source.file': 'Open picture',
  'source.samples': 'Samples',
  'source.hint': 'or drop or paste one anywhere',
  'source.which': 'Which camera',
  'source.torch': 'Light',
  'source.zoom': 'Zoom',
  'source.patchwork': 'Patchwork',
  'source.another': 'Draw others',
  'source.sample': 'Sample texture {name}',
  'source.unpainted': 'The samples cannot be drawn. Open a picture, or reload the page.',
  'source.drop': 'Let go to read this picture',
  'source.cameraName': 'Camera {number}',

  'camera.insecure':
    'Browsers allow a camera only to a page that is opened over https, or as http://localhost on this machine.',
  'camera.unsupported': 'This browser offers no camera to pages. Open a picture or choose a sample instead.',
  'camera.denied':
    'The camera was not allowed. Allow it in the browser’s address bar (the camera or lock sign), then press Camera again.',
  'camera.none': 'No camera was found. Connect one and press Camera again, or open a picture.',
  'camera.busy':
    'The camera did not start: another program may be using it. Close that one and press Camera again.',
  'camera.lost': 'The camera has gone. Connect it again and press Camera; the last picture stays.',

  'picture.not-picture':
    'This file is not a picture. JPEG, PNG, WebP, GIF, AVIF, BMP, PGM, PPM and PBM can be read.',
  'picture.unsupported':
    'This is a {kind} picture, which cannot be decoded here. Save it as JPEG or PNG first.',
  'picture.damaged': 'This picture cannot be decoded: it is cut, damaged or of an unusual kind.',
  'picture.too-large':
    'This picture has more than {limit} pixels. Save a smaller one, or open this page with ?max-image-pixels=NUMBER.',
  'picture.too-small':
    'The picture is {width} x {height} pixels; each side must have {least} or more (one patch). Open a larger picture, or use a network trained with a smaller --patch-px.',
  'picture.stretched':
    'The 16-bit samples of this picture hold only {bits} bits. They were stretched to the full range, as in training.',
  'picture.noise':
    'This browser alters what pages read from pictures (protection against fingerprinting). Readings may differ slightly; allow canvas data for this page for exact ones.',

  'stage.side': 'Square',
  'stage.square':
    'Square that is read, {side} pixels wide, at {x}, {y}. Arrow keys move it, plus and minus scale it.',

  'model.choose': 'Network',
  'model.loading': 'Loading {name} …',
  'model.failed': '{name} cannot be used: {reason}',
  'model.proof': 'proof repeated here: probabilities differ by {difference} at most',
  'model.none': 'There are no models beside this page yet. Train and export one:',
  'model.unlisted': 'The list of models could not be read: {reason}',
  'model.retry': 'Try again',
  'model.taught': '{name} (taught here)',

  'provider.choose': 'Computes on',
  'provider.auto': 'Fastest that passes',
  'provider.wasm': 'WebAssembly',
  'provider.webgpu': 'WebGPU',
  'provider.threads': 'WebAssembly, {threads} threads',
  'provider.single': 'WebAssembly, 1 thread',
  'provider.none': 'Nothing can compute here',
  'provider.insecure':
    'Several threads and WebGPU need a page that is opened over https, or as http://localhost on this machine.',
  'provider.isolation':
    'One thread, because the server does not isolate the page. With the headers Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp it would use several.',
  'provider.starting': 'Starting …',
  'provider.trying': 'WebGPU is being checked …',
  'provider.slower': 'WebGPU passes the check, but a patch takes {theirs} ms on it and {mine} ms here.',
  'provider.refused': '{provider} is not used: {reason}',

  'fault.no-webgpu': 'this browser does not have it.',
  'fault.no-adapter': 'it finds no graphics processor here.',
  'fault.no-device':
    'the graphics processor could not be opened. Close other programs that use it, or restart the browser.',
  'fault.no-answer': 'it did not answer within {seconds} seconds.',
  'fault.device-lost':
    'the graphics processor was lost (its driver was restarted, or its memory ran out). Choose WebGPU to try it again.',
  'fault.file-missing':
    '{file} did not arrive. Check the network, and that the server has all files of the page.',
  'fault.wrong-numbers':
    'it gives wrong numbers (probabilities differ by {difference}, allowed are {tolerance}).',
  'fault.model-unusable': 'its file cannot be read here ({message}). Export it again.',
  'fault.diverged':
    'the loss grew instead of falling ({message}). Collect more patches, or learn the last layer only.',
  'fault.failed': 'an unexpected error. Reload the page; the browser’s console has the details.',

  'live.heading': 'Reading',
  'live.patch': 'The 64 x 64 grey levels that the network gets',
  'live.scope': 'Read',
  'live.square': 'the square',
  'live.whole': 'the whole picture',
  'live.patches': '{count} patches, averaged',
  'live.none': 'Not one of my textures',
  'live.noneWhy': 'The likeliest class has {probability}, this model asks for {threshold}.',
  'live.waiting': 'Waiting for a picture',
  'live.loading': 'Loading the network …',
  'live.failed': 'The picture could not be read: {reason}',
  'live.unusable': 'No network to read with',
  'live.bars': 'The five likeliest classes',
  'time.heading': 'Time',
  'time.frames': 'Frames/s',
  'time.grab': 'Grab',
  'time.preprocess': 'Preprocess',
  'time.infer': 'Infer',

  'compare.heading': 'Every network on this patch',
  'compare.loading': 'Loading {count} networks …',
  'compare.model': 'Network',
  'compare.lacks': 'lacks {layers}',
  'compare.top': 'Says',
  'compare.probability': 'Probability',
  'compare.unusable': 'cannot be used',
  'compare.agrees': 'Agrees',
  'compare.same': 'same',
  'compare.differs': 'differs',
  'compare.agreement': '{share} of {count}',
  'compare.latency': 'Latency',
  'compare.size': 'Size',
  'compare.error': 'Error',
  'compare.note':
    'Agrees: with the reference on this patch, and the share of all patches read in this view. Error: of single validation patches, from the training run.',
  'compare.single':
    'Only one network was exported. npm run train -- --variant all and npm run export make the others.',

  'see.heading': 'What it looks at',
  'see.map': 'Heat map',
  'see.mapWhy':
    'The network slides over the whole picture as one convolution. Pick a class to see where it is.',
  'see.all': 'likeliest class',
  'see.class': 'Show',
  'see.stats': '{columns} x {rows} places, {stride} px apart, in {ms} ms',
  'see.honest':
    'Sliding standardises each pixel by its own surroundings, a single patch by itself; in the square the map says {map}, the reading {reading}.',
  'see.layers': 'Activation maps',
  'see.layersWhy':
    'What each layer makes of the square. Point at a map to see on the picture what one of its values sees.',
  'see.layer': 'Layer',
  'see.field': '{shape}: each value sees {field} x {field} of the patch’s pixels',
  'see.map1': 'Map {number} of {layer}',
  'see.filters': 'First filters',
  'see.filtersWhy':
    'The {count} kernels of conv1, {side} x {side} weights each: dark negative, light positive.',
  'see.opacity': 'Strength',

  'teach.heading': 'Teach it yours',
  'teach.why':
    'Name two or more surfaces, point the square at each and hold the button. The network’s eye stays, its last layer is learnt anew.',
  'teach.name': 'Name of surface {number}',
  'teach.add': 'Add a surface',
  'teach.hold': 'Hold to collect',
  'teach.holdHint':
    'Hold the button, or the space bar on it. With a still picture, squares of this size are taken from all over it.',
  'teach.count': '{count} patches',
  'teach.remove': 'Remove {name} and its patches',
  'teach.removePatch': 'Remove patch {number} of {name}',
  'teach.train': 'Train',
  'teach.depth': 'Learn',
  'teach.head': 'the last layer (seconds)',
  'teach.all': 'all layers (a minute)',
  'teach.stop': 'Stop',
  'teach.progress': '{stage}: {done} of {total}',
  'teach.features': 'Looking at the patches',
  'teach.learning': 'Learning',
  'teach.curve': 'Loss while learning',
  'teach.result': '{wrong} of {count} held-out patches wrong ({error})',
  'teach.resultNote':
    'Held out: the last fifth collected of each surface. Other pictures of it may be harder.',
  'teach.time': 'Learnt from {count} patches in {seconds} s.',
  'teach.failed': 'Training has failed: {reason}',
  'teach.needNames': 'Give each surface a name of its own, without / or \\ and not beginning with a dot.',
  'teach.needPatches': 'Each of two or more surfaces needs {least} patches or more.',
  'teach.download': 'Download ONNX',
  'teach.patches': 'Download patches (zip)',
  'teach.try': 'Try it in Live',
  'teach.forget': 'Forget everything',
  'teach.removed': 'Removed: {name} (patches: {count}).',
  'teach.forgotten':
    'Removed: all that was taught here (surfaces: {surfaces}, patches: {patches}). It is deleted for good after {seconds} seconds; until then a reload brings it back.',
  'teach.undo': 'Undo',
  'teach.deleteNow': 'Delete now',
  'teach.noBase': 'There is no exported network beside this page to build on.',
  'teach.kept': 'Kept in this browser; reloading loses nothing.',
  'teach.unkept': 'This browser does not keep data for this page: download what you want to keep.',
  'teach.base': 'Built on {name}.',
} as const;

export type TextKey = keyof typeof english;
/** Every language has all texts. */
export type Texts = Readonly<Record<TextKey, string>>;
