/** /docs: the OpenAPI description as one HTML page without scripts. */
import { productVersion } from '../../node/product-version.ts';
import { quoted } from '../../node/shell.ts';

interface DocumentedOperation {
  readonly summary: string;
  readonly description?: string;
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly content: Readonly<Record<string, unknown>> };
  readonly responses: Readonly<Record<string, { readonly description: string }>>;
}

interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly schema: { readonly description?: string; readonly default?: unknown };
  readonly description?: string;
}

interface Description {
  readonly info: { readonly description: string };
  readonly paths: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, unknown>> };
  readonly security?: unknown;
}

interface DocsAddress {
  /** The service's address relative to the page: a proxy may serve it under any path. */
  readonly root: string;
  /** The service's address for other programs, such as `https://example.org/tools/textura`. */
  readonly address: string;
}

/** `description` is from `openApi`. */
export function docsPage(description: Record<string, unknown>, { root, address }: DocsAddress): string {
  const { info, paths, components, security } = description as unknown as Description;
  const key = security === undefined ? '' : ` -H "Authorization: Bearer $TEXTURA_API_KEY"`;
  const url = quoted(`${address}/classify?top=3`);
  const example = `curl --data-binary @photo.jpg -H 'Content-Type: image/jpeg'${key} ${url}`;
  const operations = Object.entries(paths).flatMap(([path, { parameters = [], ...methods }]) =>
    Object.entries(methods).map(([method, operation]) =>
      operationSection(method, path, operation as DocumentedOperation, parameters as readonly Parameter[]),
    ),
  );
  const schemas = Object.entries(components.schemas).map(
    ([name, schema]) =>
      `<details id="${escaped(name)}"><summary>${escaped(name)}</summary>
<pre>${escaped(JSON.stringify(schema, undefined, 2))}</pre></details>`,
  );
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Textura service</title>
<style>${style}</style>
<h1>Textura ${escaped(productVersion())}</h1>
<p>${escaped(info.description)} OpenAPI: <a href="${root}openapi.json">openapi.json</a>.</p>
<pre>${escaped(example)}</pre>
${operations.join('\n')}
<h2>Schemas</h2>
${schemas.join('\n')}
</html>
`;
}

function operationSection(
  method: string,
  path: string,
  { summary, description, parameters = [], requestBody, responses }: DocumentedOperation,
  shared: readonly Parameter[],
): string {
  const rows = [...shared, ...parameters].map(parameterRow).join('');
  const bodies = Object.keys(requestBody?.content ?? {}).map((type) => `<code>${escaped(type)}</code>`);
  const answers = Object.entries(responses).map(
    ([status, answer]) => `<tr><td><b>${status}</b></td><td>${marked(answer.description)}</td></tr>`,
  );
  return `<section><h2><span>${method.toUpperCase()}</span> ${escaped(path)}</h2><p>${escaped(summary)}.</p>
${description === undefined ? '' : `<p>${marked(description)}</p>`}
${bodies.length === 0 ? '' : `<p>Body: ${bodies.join(', ')}</p>`}
${rows === '' ? '' : `<table>${rows}</table>`}
<details><summary>Responses</summary><table>${answers.join('')}</table></details></section>`;
}

function parameterRow({ name, schema, description }: Parameter): string {
  const fallback = schema.default === undefined ? '' : ` Default ${escaped(String(schema.default))}.`;
  const text = schema.description ?? description ?? '';
  return `<tr><td><code>${escaped(name)}</code></td><td>${marked(text)}${fallback}</td></tr>`;
}

/** Text with `code` in backticks. */
function marked(text: string): string {
  return escaped(text).replace(/`([^`]+)`/g, '<code>$1</code>');
}

function escaped(text: string): string {
  return text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;').replace(/"/g, '&quot;');
}

const style = `
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 0 auto; padding: 1rem; }
body { overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.05rem; margin: 0; }
section { border-top: 1px solid #8886; padding: .8rem 0; } section p { margin: .3rem 0; }
h2 span { display: inline-block; min-width: 3.2rem; font-size: .8rem; letter-spacing: .04em; opacity: .75; }
pre { white-space: pre-wrap; background: #8882; padding: .6rem; border-radius: .4rem; font-size: .85rem; }
td { vertical-align: top; padding: .15rem .8rem .15rem 0; } td:first-child { white-space: nowrap; }
code { font-size: .9em; }
details { margin: .3rem 0; } summary { cursor: pointer; }`;
