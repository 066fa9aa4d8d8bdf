/** The page's texts in Spanish. */
import type { Texts } from './english.ts';

export const spanish: Texts = {
  'page.title': 'Textura: lo que una red pequeña ve en las superficies',
  'page.claim': 'Un muestrario que lee superficies. Nada sale de este equipo.',
  'page.skip': 'Ir a la lectura',
  'page.language': 'Idioma',
  'page.foot': 'Las imágenes se descodifican, recortan y leen en este navegador.',
  'page.offline': 'Tras la primera visita, la página funciona sin red.',
  'page.insecure':
    'Sin red, la página solo funciona si se abre por https, o como http://localhost en este equipo.',
  'page.unkept': 'Este navegador no deja que la página guarde datos. No se guarda: {things}.',
  'page.unkept.language': 'el idioma elegido aquí',
  'page.unkept.lessons': 'lo que enseñe',
  'page.unkept.offline': 'la página para usarla sin red',

  'view.live': 'En vivo',
  'view.compare': 'Comparar',
  'view.see': 'Ver',
  'view.teach': 'Enseñar',
  'view.choose': 'Vistas',

  'source.heading': 'Imagen',
  'source.camera': 'Cámara',
  'source.stop': 'Apagar cámara',
  'source.file': 'Abrir imagen',
  'source.samples': 'Muestras',
  'source.hint': 'o suelte o pegue una en cualquier sitio',
  'source.which': 'Qué cámara',
  'source.torch': 'Luz',
  'source.zoom': 'Zum',
  'source.patchwork': 'Retazos',
  'source.another': 'Dibujar otras',
  'source.sample': 'Textura de muestra {name}',
  'source.unpainted': 'No se pueden dibujar las muestras. Abra una imagen o recargue la página.',
  'source.drop': 'Suelte para leer esta imagen',
  'source.cameraName': 'Cámara {number}',

  'camera.insecure':
    'Los navegadores solo dan cámara a páginas seguras. Abra esta por https, o como http://localhost en este equipo.',
  'camera.unsupported': 'Este navegador no ofrece cámara a las páginas. Abra una imagen o elija una muestra.',
  'camera.denied':
    'No se permitió la cámara. Permítala en la barra de direcciones (la cámara o el candado) y pulse Cámara otra vez.',
  'camera.none': 'No se encontró ninguna cámara. Conecte una y pulse Cámara otra vez, o abra una imagen.',
  'camera.busy': 'La cámara no arrancó: quizá la use otro programa. Ciérrelo y pulse Cámara otra vez.',
  'camera.lost': 'La cámara se ha ido. Conéctela de nuevo y pulse Cámara; la última imagen se queda.',

  'picture.not-picture':
    'Este archivo no es una imagen. Se leen JPEG, PNG, WebP, GIF, AVIF, BMP, PGM, PPM y PBM.',
  'picture.unsupported':
    'Es una imagen {kind}, que aquí no se puede descodificar. Guárdela antes como JPEG o PNG.',
  'picture.damaged': 'Esta imagen no se puede descodificar: está cortada, dañada o es de un tipo inusual.',
  'picture.too-large':
    'Esta imagen tiene más de {limit} píxeles. Guarde una más pequeña o abra esta página con ?max-image-pixels=NÚMERO.',
  'picture.too-small':
    'La imagen mide {width} x {height} píxeles; cada lado debe tener {least} o más (un recorte). Abra una imagen más grande o use una red entrenada con un --patch-px menor.',
  'picture.stretched':
    'Las muestras de 16 bits de esta imagen solo tienen {bits} bits. Se ampliaron a todo el rango, como en el entrenamiento.',
  'picture.noise':
    'Este navegador altera lo que las páginas leen de las imágenes (protección contra huellas). Las lecturas pueden variar un poco; permita los datos de lienzo para que sean exactas.',

  'stage.side': 'Cuadro',
  'stage.square':
    'Cuadro que se lee, de {side} píxeles de lado, en {x}, {y}. Las flechas lo mueven; más y menos cambian su tamaño.',

  'model.choose': 'Red',
  'model.loading': 'Cargando {name} …',
  'model.failed': '{name} no se puede usar: {reason}',
  'model.proof': 'prueba repetida aquí: las probabilidades difieren en {difference} como mucho',
  'model.none': 'Aún no hay modelos junto a esta página. Entrene y exporte uno:',
  'model.unlisted': 'No se pudo leer la lista de modelos: {reason}',
  'model.retry': 'Intentarlo de nuevo',
  'model.taught': '{name} (enseñada aquí)',

  'provider.choose': 'Calcula con',
  'provider.auto': 'Lo más rápido que sea correcto',
  'provider.wasm': 'WebAssembly',
  'provider.webgpu': 'WebGPU',
  'provider.threads': 'WebAssembly, {threads} hilos',
  'provider.single': 'WebAssembly, 1 hilo',
  'provider.none': 'Aquí no hay con qué calcular',
  'provider.insecure':
    'Varios hilos y WebGPU requieren que la página se abra por https, o como http://localhost en este equipo.',
  'provider.isolation':
    'Un solo hilo, porque el servidor no aísla la página. Con las cabeceras Cross-Origin-Opener-Policy: same-origin y Cross-Origin-Embedder-Policy: require-corp usaría varios.',
  'provider.starting': 'Arrancando …',
  'provider.trying': 'Comprobando WebGPU …',
  'provider.slower': 'WebGPU pasa la prueba, pero un recorte tarda {theirs} ms con él y {mine} ms aquí.',
  'provider.refused': 'No se usa {provider}: {reason}',

  'fault.no-webgpu': 'este navegador no lo tiene.',
  'fault.no-adapter': 'no encuentra ningún procesador gráfico aquí.',
  'fault.no-device':
    'no se pudo abrir el procesador gráfico. Cierre otros programas que lo usen o reinicie el navegador.',
  'fault.no-answer': 'no respondió en {seconds} segundos.',
  'fault.device-lost':
    'se perdió el procesador gráfico (se reinició su controlador o se agotó su memoria). Elija WebGPU para intentarlo de nuevo.',
  'fault.file-missing':
    '{file} no llegó. Compruebe la red y que el servidor tenga todos los archivos de la página.',
  'fault.wrong-numbers':
    'da números falsos (las probabilidades difieren en {difference}; se permite {tolerance}).',
  'fault.model-unusable': 'su archivo no se puede leer aquí ({message}). Expórtelo de nuevo.',
  'fault.diverged':
    'la pérdida creció en vez de bajar ({message}). Reúna más recortes o aprenda solo la última capa.',
  'fault.failed': 'un error inesperado. Recargue la página; la consola del navegador tiene los detalles.',

  'live.heading': 'Lectura',
  'live.patch': 'Los 64 x 64 niveles de gris que recibe la red',
  'live.scope': 'Leer',
  'live.square': 'el cuadro',
  'live.whole': 'toda la imagen',
  'live.patches': 'media de {count} recortes',
  'live.none': 'No es una de mis texturas',
  'live.noneWhy': 'La clase más probable tiene {probability}; este modelo pide {threshold}.',
  'live.waiting': 'Esperando una imagen',
  'live.loading': 'Cargando la red …',
  'live.failed': 'No se pudo leer la imagen: {reason}',
  'live.unusable': 'No hay red con que leer',
  'live.bars': 'Las cinco clases más probables',
  'time.heading': 'Tiempo',
  'time.frames': 'Imágenes/s',
  'time.grab': 'Captura',
  'time.preprocess': 'Preparación',
  'time.infer': 'Inferencia',

  'compare.heading': 'Todas las redes ante este recorte',
  'compare.loading': 'Cargando {count} redes …',
  'compare.model': 'Red',
  'compare.lacks': 'sin {layers}',
  'compare.top': 'Dice',
  'compare.probability': 'Probabilidad',
  'compare.unusable': 'no se puede usar',
  'compare.agrees': 'Coincide',
  'compare.same': 'igual',
  'compare.differs': 'distinta',
  'compare.agreement': '{share} de {count}',
  'compare.latency': 'Latencia',
  'compare.size': 'Tamaño',
  'compare.error': 'Error',
  'compare.note':
    'Coincide: con la referencia en este recorte, y la parte de todos los leídos en esta vista. Error: de recortes sueltos de validación, en el entrenamiento.',
  'compare.single':
    'Solo se exportó una red. npm run train -- --variant all y npm run export hacen las demás.',

  'see.heading': 'En qué se fija',
  'see.map': 'Mapa de calor',
  'see.mapWhy':
    'La red se desliza por toda la imagen como una sola convolución. Elija una clase para ver dónde está.',
  'see.all': 'clase más probable',
  'see.class': 'Mostrar',
  'see.stats': '{columns} x {rows} lugares, cada {stride} px, en {ms} ms',
  'see.honest':
    'Al deslizarse, cada píxel se normaliza por su entorno; un recorte, por sí mismo. En el cuadro el mapa dice {map}; la lectura, {reading}.',
  'see.layers': 'Mapas de activación',
  'see.layersWhy':
    'Lo que cada capa hace del cuadro. Señale un mapa para ver en la imagen qué ve uno de sus valores.',
  'see.layer': 'Capa',
  'see.field': '{shape}: cada valor ve {field} x {field} píxeles del recorte',
  'see.map1': 'Mapa {number} de {layer}',
  'see.filters': 'Primeros filtros',
  'see.filtersWhy':
    'Los {count} núcleos de conv1, de {side} x {side} pesos: oscuro, negativo; claro, positivo.',
  'see.opacity': 'Intensidad',

  'teach.heading': 'Enséñele las suyas',
  'teach.why':
    'Nombre dos o más superficies, apunte el cuadro a cada una y mantenga pulsado el botón. El ojo de la red queda; su última capa se aprende de nuevo.',
  'teach.name': 'Nombre de la superficie {number}',
  'teach.add': 'Añadir una superficie',
  'teach.hold': 'Mantener para reunir',
  'teach.holdHint':
    'Mantenga pulsado el botón, o la barra espaciadora sobre él. Con una imagen fija se toman cuadros de este tamaño de toda ella.',
  'teach.count': '{count} recortes',
  'teach.remove': 'Quitar {name} y sus recortes',
  'teach.removePatch': 'Quitar el recorte {number} de {name}',
  'teach.train': 'Entrenar',
  'teach.depth': 'Aprender',
  'teach.head': 'la última capa (segundos)',
  'teach.all': 'todas las capas (un minuto)',
  'teach.stop': 'Parar',
  'teach.progress': '{stage}: {done} de {total}',
  'teach.features': 'Mirando los recortes',
  'teach.learning': 'Aprendiendo',
  'teach.curve': 'Pérdida al aprender',
  'teach.result': '{wrong} de {count} recortes apartados, mal ({error})',
  'teach.resultNote':
    'Apartados: el último quinto reunido de cada superficie. Otras imágenes de ella pueden ser más difíciles.',
  'teach.time': 'Aprendido de {count} recortes en {seconds} s.',
  'teach.failed': 'El entrenamiento falló: {reason}',
  'teach.needNames': 'Dé a cada superficie un nombre propio, sin / ni \\ y que no empiece por punto.',
  'teach.needPatches': 'Cada una de dos o más superficies necesita {least} recortes o más.',
  'teach.download': 'Descargar ONNX',
  'teach.patches': 'Descargar recortes (zip)',
  'teach.try': 'Probarla en vivo',
  'teach.forget': 'Olvidarlo todo',
  'teach.removed': 'Se quitó: {name} (recortes: {count}).',
  'teach.forgotten':
    'Se quitó todo lo enseñado aquí (superficies: {surfaces}, recortes: {patches}). Se borra del todo a los {seconds} segundos; hasta entonces, al recargar vuelve.',
  'teach.undo': 'Deshacer',
  'teach.deleteNow': 'Borrar ya',
  'teach.noBase': 'Junto a esta página no hay ninguna red exportada sobre la que construir.',
  'teach.kept': 'Guardado en este navegador; recargar no pierde nada.',
  'teach.unkept': 'Este navegador no guarda datos de esta página: descargue lo que quiera conservar.',
  'teach.base': 'Construida sobre {name}.',
};
