/** The page's texts in Spanish. */
import type { Texts } from './english.ts';

export const spanish: Texts = {
  'page.title': 'Textura: reconocer texturas con una red neuronal pequeña',
  'page.claim':
    'Apunte una cámara a una superficie, o abra una imagen, y vea qué es. Las imágenes no salen de este dispositivo.',
  'page.skip': 'Ir al resultado',
  'page.language': 'Idioma',
  'page.service': 'Enlaces de este servicio',
  'page.api': 'Documentación de la API',
  'page.openApi': 'Descripción OpenAPI',
  'page.prediction': 'Predicción',
  'page.probability': 'Probabilidad',
  'page.stop': 'Parar',
  'page.foot': 'Todo se calcula en este navegador.',
  'page.offline': 'Después de la primera visita, la página funciona sin conexión.',
  'page.insecure':
    'La página solo funciona sin conexión si la abre por https, o como http://localhost en este dispositivo.',
  'page.notStored': 'Este navegador no permite que la página guarde datos. No se guarda: {things}.',
  'page.notStored.language': 'el idioma elegido',
  'page.notStored.theme': 'el aspecto elegido',
  'page.notStored.teaching': 'sus superficies y el modelo entrenado',
  'page.notStored.offline': 'la página para usarla sin conexión',
  'theme.choose': 'Aspecto',
  'theme.system': 'como el sistema',
  'theme.light': 'claro',
  'theme.dark': 'oscuro',

  'view.live': 'En vivo',
  'view.compare': 'Comparar',
  'view.see': 'Ver',
  'view.teach': 'Enseñar',
  'view.choose': 'Vistas',

  'source.heading': 'Imagen',
  'source.camera': 'Cámara',
  'source.stop': 'Apagar cámara',
  'source.file': 'Abrir imagen',
  'source.samples': 'Texturas de muestra',
  'source.hint': 'o arrastre o pegue una imagen',
  'source.torch': 'Luz',
  'source.zoom': 'Zoom',
  'source.patchwork': 'Mosaico',
  'source.redraw': 'Otras muestras',
  'source.sample': 'Textura de muestra {name}',
  'source.failed': 'No se pudieron dibujar las texturas de muestra. Abra una imagen o recargue la página.',
  'source.drop': 'Suelte para abrir: imágenes, un modelo (.onnx) o un proyecto (.zip)',
  'source.cameraName': 'Cámara {number}',

  'file.unreadable':
    'No se pudo leer: es una carpeta, o un archivo que se ha movido o cambiado. Elija los archivos de nuevo.',

  'camera.insecure':
    'La cámara solo funciona si abre esta página por https, o como http://localhost en este dispositivo.',
  'camera.unsupported': 'Este navegador no admite cámaras. Abra una imagen o elija una muestra.',
  'camera.denied':
    'El acceso a la cámara está bloqueado. Permítalo en la barra de direcciones (icono de la cámara o del candado) y pulse Cámara otra vez.',
  'camera.none': 'No se encontró ninguna cámara. Conecte una y pulse Cámara otra vez, o abra una imagen.',
  'camera.busy':
    'La cámara no se inició. Es posible que otro programa la esté usando: ciérrelo y pulse Cámara otra vez.',
  'camera.lost': 'La cámara se desconectó. Vuelva a conectarla y pulse Cámara. La última imagen se conserva.',

  'picture.not-picture':
    'Este archivo no es una imagen. Formatos admitidos: JPEG, PNG, WebP, GIF, AVIF, BMP, PGM, PPM y PBM.',
  'picture.unsupported': 'Esta imagen {kind} no se puede abrir aquí. Guárdela antes como JPEG o PNG.',
  'picture.damaged':
    'Esta imagen no se puede abrir: el archivo está incompleto, dañado, es demasiado grande o de un tipo poco común.',
  'picture.too-large':
    'Esta imagen tiene más de {limit} píxeles. Guarde una copia más pequeña o aumente el límite: abra esta página con ?max-image-pixels=NÚMERO.',
  'picture.too-small':
    'Esta imagen mide {width} x {height} píxeles, pero cada lado necesita al menos {least}. Abra una imagen más grande o use un modelo entrenado con un --patch-px menor.',
  'picture.stretched':
    'Esta imagen de 16 bits solo usa {bits} bits. Su brillo se amplió a todo el rango, como en el entrenamiento.',
  'picture.noise':
    'Este navegador altera un poco las imágenes para evitar que se le identifique, y los resultados pueden variar. Permita los datos de canvas en esta página para que sean exactos.',

  'stage.side': 'Tamaño del cuadro',
  'stage.hint': 'Arrastre el cuadro para moverlo, su punto para escalarlo.',
  'stage.wholeHint': 'El modelo lee toda la imagen.',
  'stage.square':
    'Cuadro que se clasifica, de {side} píxeles de ancho, en {x}, {y}. Las flechas lo mueven; más y menos cambian su tamaño.',

  'model.choose': 'Modelo',
  'model.settings': 'Cambiar',
  'model.open': 'Abrir modelo',
  'model.needed': 'Esta vista necesita un modelo. Elija o abra uno arriba.',
  'model.openHint':
    'Un archivo .onnx hecho con Textura, con su .report.json si lo tiene. También puede soltarlo en cualquier lugar.',
  'model.notModel': 'Elija un archivo .onnx y, si lo tiene, su .report.json.',
  'model.loading': 'Cargando …',
  'model.unusable': 'No se puede usar',
  'model.failed': '{name} no se puede usar: {reason}',
  'model.verified': 'Verificado',
  'model.verifiedDetails':
    'Con los recortes de prueba del modelo, este dispositivo calcula las probabilidades esperadas con una diferencia máxima de {difference}.',
  'model.unverified': 'Sin verificar',
  'model.unverifiedDetails':
    'Este archivo llegó sin su informe. Ábralo junto con su .report.json para verificarlo.',
  'model.download': 'Descarga del modelo',
  'model.loaded': '{loaded} de {total}',
  'model.cancel': 'Cancelar',
  'model.none':
    'Todavía no hay modelos. En Enseñar puede entrenar uno con sus superficies. También puede abrir un archivo .onnx hecho con Textura.',
  'model.noneTrain': 'O entrene y exporte un modelo en una terminal, y vuelva a cargar esta página:',
  'model.listing': 'Cargando la lista de modelos …',
  'model.unlisted': 'Falta la lista de modelos: {reason}',
  'model.retry': 'Intentar de nuevo',
  'model.taught': '{name} (entrenado aquí)',
  'model.opened': '{name} (archivo abierto)',

  'provider.choose': 'Se ejecuta en',
  'provider.auto': 'Automático',
  'provider.wasm': 'WebAssembly',
  'provider.webgpu': 'WebGPU',
  'provider.threads': 'WebAssembly, {threads} hilos',
  'provider.single': 'WebAssembly, 1 hilo',
  'provider.none': 'Este navegador no puede ejecutar modelos',
  'provider.insecure':
    'WebGPU y varios hilos requieren abrir la página por https, o como http://localhost en este dispositivo.',
  'provider.isolation':
    'Un solo hilo, porque el servidor no aísla la página. Para usar varios, debe enviar las cabeceras Cross-Origin-Opener-Policy: same-origin y Cross-Origin-Embedder-Policy: require-corp.',
  'provider.starting': 'Iniciando …',
  'provider.checking': 'Comprobando WebGPU …',
  'provider.slower':
    'WebGPU funciona, pero aquí es más lento: {webgpu} ms por recorte en lugar de {wasm} ms.',
  'provider.refused': 'No se usa {provider}: {reason}',

  'fault.no-webgpu': 'este navegador no lo admite.',
  'fault.no-adapter': 'no se encontró ningún procesador gráfico.',
  'fault.no-device':
    'no se pudo abrir el procesador gráfico. Cierre otros programas que lo usen o reinicie el navegador.',
  'fault.no-answer': 'no respondió en {seconds} segundos.',
  'fault.device-lost':
    'se perdió el procesador gráfico (su controlador se reinició o se quedó sin memoria). Elija WebGPU para intentarlo de nuevo.',
  'fault.file-missing':
    'no se pudo cargar {file}. Compruebe la conexión y que el servidor tenga este archivo.',
  'fault.needs-key':
    'el servicio pide una clave de API para sus modelos, que esta página no envía. Para la página, inicie un servicio sin TEXTURA_API_KEY.',
  'fault.wrong-numbers':
    'sus resultados son incorrectos (las probabilidades difieren en {difference}; se permite {tolerance} como máximo).',
  'fault.no-check':
    'este modelo llegó sin su informe, así que no se pueden comprobar los resultados de WebGPU.',
  'fault.cancelled': 'se canceló la carga.',
  'fault.model-unusable':
    'está dañado o no lo hizo Textura ({message}). Use un archivo exportado con Textura.',
  'fault.no-weights': 'Ver necesita el archivo portable en float32 de este modelo.',
  'fault.diverged':
    'el entrenamiento no convergió ({message}). Reúna más recortes o reentrene solo la última capa.',
  'fault.failed':
    'se produjo un error inesperado. Recargue la página; la consola del navegador tiene los detalles.',

  'live.heading': 'Resultado',
  'live.patch': 'Los 64 x 64 niveles de gris que ve el modelo',
  'live.scope': 'Clasificar',
  'live.square': 'el cuadro',
  'live.whole': 'toda la imagen',
  'live.patches': 'media de {count} recortes',
  'live.none': 'Ninguna de estas superficies',
  'live.noneWhy':
    'Difiere de todas las superficies con las que se entrenó el modelo; la más parecida es {label}.',
  'live.waiting': 'Esperando una imagen',
  'live.loading': 'Cargando el modelo …',
  'live.failed': 'No se pudo clasificar la imagen: {reason}',
  'live.unusable': 'No hay ningún modelo disponible',
  'live.bars': 'Las cinco clases más probables',
  'live.copy': 'Copiar resultado',
  'live.save': 'Guardar resultado',
  'live.copied': 'Copiado.',
  'live.notCopied': 'Este navegador no permite que la página copie. Guarde el resultado.',
  'batch.heading': '{count} imágenes, clasificadas por {model}',
  'batch.progress': '{done} de {count} imágenes listas',
  'batch.done': 'Cada imagen se clasifica entera, con la media de sus recortes.',
  'batch.file': 'Archivo',
  'batch.none': 'ninguna de estas superficies (la más parecida: {label})',
  'batch.csv': 'Guardar como CSV',
  'batch.close': 'Cerrar',
  'time.heading': 'Tiempo por imagen',
  'time.frames': 'Imágenes/s',
  'time.grab': 'Leer',
  'time.preprocess': 'Preparar',
  'time.infer': 'Calcular',

  'compare.heading': 'Todos los modelos con este recorte',
  'compare.loading': 'Cargando el modelo {done} de {count} …',
  'compare.lacks': 'sin {layers}',
  'compare.unusable': 'no se puede usar',
  'compare.agrees': 'Coincide',
  'compare.baseline': 'base',
  'compare.otherClasses': 'otras clases',
  'compare.same': 'igual',
  'compare.differs': 'distinta',
  'compare.agreement': '{share} de {count}',
  'compare.latency': 'Tiempo',
  'compare.size': 'Tamaño',
  'compare.error': 'Error de validación',
  'compare.interval': 'de {low} a {high}',
  'compare.note':
    'Pulse un encabezado para ordenar. Coincide: con {name}, el modelo base, en este recorte y en todos hasta ahora. Tiempo: de un recorte, medido al cargar el modelo. Error de validación: de los recortes que el entrenamiento apartó.',
  'compare.interval95': 'Debajo está su intervalo del 95 %.',
  'compare.plot': 'Error de validación frente al tiempo',
  'compare.plotX': 'ms por recorte, aquí',
  'compare.plotY': 'error de validación',
  'compare.plotNote': 'Abajo a la izquierda es mejor: menos errores, menos tiempo.',
  'compare.plotLines': 'Las líneas son intervalos del 95 %.',
  'compare.plotPoint': '{name}: {error}, {ms} ms',
  'compare.single': 'Solo hay un modelo. Para comparar varios, entrene con --network all y expórtelos.',

  'see.heading': 'Lo que ve el modelo',
  'see.map': 'Mapa de calor',
  'see.mapWhy': 'El modelo clasifica cada posición. Elija una clase para ver dónde está.',
  'see.computing': 'Calculando el mapa de calor …',
  'see.border': 'Borde: ahí no cabe un cuadro entero',
  'see.clear': '{label}: despejado, con contorno',
  'see.others': 'otras ({count})',
  'see.veiled': 'Velado: otra cosa',
  'see.save': 'Guardar imagen',
  'see.all': 'clase más probable',
  'see.class': 'Mostrar',
  'see.stats': '{columns} x {rows} posiciones, cada {stride} px, en {ms} ms',
  'see.difference':
    'En el cuadro, el mapa dice {map}, pero el resultado dice {result}: el mapa normaliza cada píxel según su propio entorno.',
  'see.why': 'Por qué esta clase',
  'see.whyWhat':
    'Qué lugares del cuadro hablan a favor de su clase y cuáles a favor de la segunda más probable.',
  'see.whyFor': 'a favor de {label}',
  'see.whyTotal': 'En total, el logit de {first} supera en {total} al de {second}.',
  'see.layers': 'Mapas de activación',
  'see.layersWhy':
    'La salida de cada capa para el cuadro. Señale un mapa para marcar de qué depende un valor.',
  'see.layer': 'Capa',
  'see.field': '{shape}: cada valor depende de {field} x {field} píxeles del recorte.',
  'see.strongest': 'Se muestran los {shown} más intensos.',
  'see.mapTitle': 'Mapa {number} de {layer}',
  'see.filters': 'Primeros filtros',
  'see.filtersWhy':
    'Los {count} núcleos de conv1, con {side} x {side} pesos cada uno. Oscuro es negativo; claro, positivo.',
  'see.opacity': 'Opacidad',

  'teach.heading': 'Enseñe sus propias superficies',
  'teach.why':
    'Ponga nombre a dos o más superficies, apunte el cuadro a cada una y mantenga pulsado su botón para reunir recortes. Después, entrene un modelo con ellos.',
  'teach.name': 'Nombre de la superficie {number}',
  'teach.unnamed': 'superficie {number}',
  'teach.namePlaceholder': 'por ejemplo, roble',
  'teach.add': 'Añadir una superficie',
  'teach.hold': 'Mantener para reunir',
  'teach.noPatches': 'Todavía no hay recortes.',
  'teach.holdHint':
    'Con el teclado, mantenga pulsada la barra espaciadora en el botón. De una imagen fija se toman recortes en posiciones al azar.',
  'teach.count': '{count} recortes',
  'teach.remove': 'Quitar {name} y sus recortes',
  'teach.removePatch': 'Quitar el recorte {number} de {name}',
  'teach.train': 'Entrenar',
  'teach.modelName': 'Nombre del modelo',
  'teach.depth': 'Reentrenar',
  'teach.head': 'última capa (segundos)',
  'teach.all': 'todas las capas (un minuto)',
  'teach.progress': '{stage}: {done} de {total}',
  'teach.features': 'Calculando características',
  'teach.learning': 'Entrenando',
  'teach.curve': 'Pérdida durante el entrenamiento',
  'teach.step': 'paso de entrenamiento',
  'teach.loss': 'pérdida',
  'teach.lossNow': 'Pérdida {loss} tras el paso {step} de {total}',
  'teach.result': '{wrong} de {count} recortes de prueba mal clasificados ({error})',
  'teach.right': '{right} de {count} bien',
  'teach.resultNote':
    'De prueba: la última quinta parte de los recortes de cada superficie. Otras imágenes pueden ser más difíciles.',
  'teach.saved': 'Guardado como {name} en la lista de modelos.',
  'teach.time': 'Entrenado con {count} recortes en {seconds} s, a partir de {base}.',
  'teach.failed': 'El entrenamiento falló: {reason}',
  'teach.need-unnamed': 'Dé un nombre a cada superficie.',
  'teach.need-names':
    'Dé a cada superficie un nombre distinto; mayúsculas y minúsculas cuentan como iguales. No puede contener / \\ < > : " | ? * ni empezar o terminar con un punto.',
  'teach.need-patches': 'Reúna al menos {least} recortes de cada una de al menos dos superficies.',
  'teach.need-model-name':
    'Elija para el modelo un nombre que no tenga ningún otro. No puede contener / \\ < > : " | ? * ni empezar o terminar con un punto.',
  'teach.download': 'Descargar ONNX',
  'teach.try': 'Probar en vivo',
  'teach.project': 'Proyecto',
  'teach.export': 'Exportar proyecto',
  'teach.import': 'Importar proyecto',
  'teach.imported': 'Enseñar ya tiene también las superficies de {file}.',
  'teach.leftOut': '{file} se importó sin {count} de sus recortes, que no se pudieron leer.',
  'teach.not-project':
    '{file} no es un proyecto, o está dañado. Elija un archivo zip guardado con Exportar proyecto.',
  'teach.too-large': '{file} ocupa más de 250 MB al descomprimirlo. Quite antes algunos recortes.',
  'teach.deleteAll': 'Borrar todo',
  'teach.removed': 'Se quitó {name} (recortes: {count}).',
  'teach.deletedAll':
    'Se quitó todo (superficies: {surfaces}, recortes: {patches}). Se borrará definitivamente en {seconds} segundos; si recarga la página antes, se recupera.',
  'teach.undo': 'Deshacer',
  'teach.deleteNow': 'Borrar ya',
  'teach.pretrained': 'la red preentrenada de esta página',
  'teach.stored':
    'Guardado en este navegador. Exporte el proyecto para seguir en otro dispositivo o para entrenar un modelo más grande con sus recortes.',
  'teach.notStored': 'Este navegador no guarda datos de esta página. Exporte el proyecto para conservarlo.',
};
