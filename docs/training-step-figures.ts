/** The pictures of docs/training-step.md, drawn from the graphs that the onnx engine runs. */
import { type GraphNode, multiplyAddsOf } from '../graph/builder.ts';
import { stepOperationsOf } from '../graph/layers.ts';
import { activation } from '../graph/step/activation.ts';
import { convolutionMethod } from '../graph/step/convolution.ts';
import { convolutionShape } from '../graph/step/convolution-shape.ts';
import { trainingStepGraph } from '../graph/step/step.ts';
import { toomCook } from '../graph/step/toom-cook.ts';
import { describeLayers } from '../model/description.ts';
import { TexturaError } from '../model/error.ts';
import { type Network, networkOf } from '../model/network.ts';
import { operationsOf } from '../model/operation.ts';
import { sumOf } from '../model/statistics/descriptive.ts';
import { counted } from '../model/words.ts';
import { type Drawing, svgFile } from '../report/drawing.ts';
import { html, type Markup } from '../report/markup.ts';
import { lightPalette } from '../report/palette.ts';

const batch = 165;
const classes = 25;
const { ink, muted, rule, training, validation, wrong } = lightPalette;

/** What a row of the map shows about one operation of a network. */
interface MapRow {
  readonly name: string;
  /** Rows x columns x channels. */
  readonly output: string;
  readonly forward: number;
  readonly backward: number;
  readonly parameters: number;
  readonly update: number;
}

/** The nodes of a step by the half that they belong to; a step has them in this order. */
interface StepNodes {
  readonly forward: readonly GraphNode[];
  readonly loss: readonly GraphNode[];
  readonly backward: readonly GraphNode[];
  readonly update: readonly GraphNode[];
}

const passOf = ({ outputs }: GraphNode): string => outputs[0]?.name.split('.')[0] ?? '';

/** Which half a node belongs to: the update follows the first use of an optimiser's input. */
function stepNodes(nodes: readonly GraphNode[]): StepNodes {
  const begins = (test: (node: GraphNode) => boolean) => {
    const index = nodes.findIndex(test);
    if (index < 0) throw new TexturaError('internal', 'the step graph has another form than the pictures');
    return index;
  };
  const loss = begins((node) => passOf(node) === 'loss');
  const backward = loss + nodes.slice(loss).findIndex((node) => passOf(node) !== 'loss');
  const update = begins(({ inputs }) => inputs.some(({ name }) => name === 'momentum'));
  return {
    forward: nodes.slice(0, loss),
    loss: nodes.slice(loss, backward),
    backward: nodes.slice(backward, update),
    update: nodes.slice(update),
  };
}

/**
 * The layers of each row: a convolution and its bias have one name, and the
 * first batch normalisation is computed with its convolution.
 */
function rowLayers(network: Network): readonly (readonly string[])[] {
  const operations = stepOperationsOf(operationsOf(network.layers));
  return operations
    .filter(({ kind }) => kind !== 'bias')
    .map((operation) =>
      operation.kind === 'convolution' && operation.norm !== undefined
        ? [operation.name, operation.norm.name]
        : [operation.name],
    );
}

/** A row for each operation that has nodes, in the order of the forward half. */
function mapRows(network: Network): { readonly rows: readonly MapRow[]; readonly loss: number } {
  const content = trainingStepGraph(network, { batch }).content();
  const { forward, loss, backward, update } = stepNodes(content.nodes);
  const rows = rowLayers(network).flatMap((layers) => {
    const count = (nodes: readonly GraphNode[]) =>
      nodes.filter((node) => layers.includes(passOf(node))).length;
    const own = forward.filter((node) => layers.includes(passOf(node)));
    const output = own
      .flatMap(({ outputs }) => outputs)
      .filter(({ shape }) => shape.length === 4 && shape[3] === batch)
      .at(-1);
    if (output === undefined) return [];
    const values = content.inputs.filter((value) => {
      const [pass, parameter, suffix] = value.name.split('.');
      return (
        layers.includes(pass ?? '') && suffix === undefined && !['mean', 'variance'].includes(parameter ?? '')
      );
    });
    const sizes = values.map(({ shape }) => shape.reduce<number>((size, axis) => size * Number(axis), 1));
    return [
      {
        name: layers.join(', '),
        output: output.shape.slice(0, 3).join('x'),
        forward: own.length,
        backward: count(backward),
        parameters: sumOf(sizes),
        update: count(update),
      },
    ];
  });
  return { rows, loss: loss.length };
}

/** Forward down the left column, backward up the middle one, updates at the right. */
function mapDrawing(network: Network): Drawing {
  const { rows, loss } = mapRows(network);
  const rowPx = 40;
  const boxPx = 27;
  const [forwardX, backwardX, updateX] = [90, 290, 490];
  const boxWidthPx = 150;
  const top = 34;
  const heading = (x: number, text: string, colour: string) =>
    html`<text x="${x + boxWidthPx / 2}" y="20" font-size="14" fill="${colour}">${text}</text>`;
  const box = (x: number, y: number, colour: string, text: string, nodes: number) =>
    html`<rect x="${x}" y="${y}" width="${boxWidthPx}" height="${boxPx}" rx="4" fill="none" stroke="${colour}" stroke-width="1.4"/>
<text x="${x + 8}" y="${y + 18}" text-anchor="start" font-size="12.5" fill="${ink}">${text}</text>
<text x="${x + boxWidthPx - 8}" y="${y + 18}" text-anchor="end" font-size="11.5" fill="${muted}">${nodes}</text>`;
  const arrow = (x1: number, y1: number, x2: number, y2: number, colour: string) =>
    html`<line x1="${x1}" y1="${y1}" x2="${x2}" y2="${y2}" stroke="${colour}" stroke-width="1.4" marker-end="url(#${colour === training ? 'amber' : colour === validation ? 'blue' : 'red'})"/>`;
  const marker = (id: string, colour: string) =>
    html`<marker id="${id}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0,0L8,4L0,8z" fill="${colour}"/></marker>`;
  const drawn = rows.map((row, i): Markup => {
    const y = top + i * rowPx;
    const middle = y + boxPx / 2;
    const below = y + boxPx;
    const next = y + rowPx;
    const isLast = i === rows.length - 1;
    const hasGradient = row.backward > 0;
    const name = html`<text x="${forwardX - 10}" y="${y + 18}" text-anchor="end" font-size="13" fill="${ink}">${row.name}</text>`;
    const forward = box(forwardX, y, validation, row.output, row.forward);
    const down = isLast ? html`` : arrow(forwardX + 75, below, forwardX + 75, next - 1, validation);
    if (!hasGradient) return html`${name}${forward}${down}`;
    const aboveHasGradient = (rows[i - 1]?.backward ?? 0) > 0;
    return html`${name}${forward}${down}
${box(backwardX, y, training, aboveHasGradient ? 'dX' : 'no dX', row.backward)}
${aboveHasGradient ? arrow(backwardX + 75, y, backwardX + 75, y - (rowPx - boxPx) + 1, training) : html``}
<line x1="${forwardX + boxWidthPx}" y1="${middle}" x2="${backwardX - 1}" y2="${middle}" stroke="${rule}" stroke-width="1.4" stroke-dasharray="3 3"/>
${
  row.update === 0
    ? html``
    : html`${arrow(backwardX + boxWidthPx, middle, updateX - 1, middle, training)}
${box(updateX, y, wrong, `${counted(row.parameters, 'value')}`, row.update)}`
}`;
  });
  const lossY = top + rows.length * rowPx;
  const last = rows.length - 1;
  const lossBox = html`<rect x="${forwardX}" y="${lossY}" width="${backwardX + boxWidthPx - forwardX}" height="${boxPx}" rx="4" fill="none" stroke="${ink}" stroke-width="1.4"/>
<text x="${forwardX + 8}" y="${lossY + 18}" text-anchor="start" font-size="12.5" fill="${ink}">softmax and cross-entropy: logits to dLogits</text>
<text x="${backwardX + boxWidthPx - 8}" y="${lossY + 18}" text-anchor="end" font-size="11.5" fill="${muted}">${loss}</text>
${arrow(forwardX + 75, top + last * rowPx + boxPx, forwardX + 75, lossY - 1, validation)}
${arrow(backwardX + 75, lossY, backwardX + 75, top + last * rowPx + boxPx + 1, training)}`;
  const body = html`<defs>${marker('blue', validation)}${marker('amber', training)}${marker('red', wrong)}</defs>
${heading(forwardX, 'forward', validation)}${heading(backwardX, 'backward', training)}${heading(updateX, 'update', wrong)}
${drawn}${lossBox}`;
  return { width: updateX + boxWidthPx + 4, height: lossY + boxPx + 8, body: body.markup };
}

/** A convolution in tiles: its sizes and its multiplications. */
interface Tiling {
  readonly inputPx: number;
  readonly outputPx: number;
  readonly kernelPx: number;
  readonly channels: number;
  readonly filters: number;
  /** Outputs and inputs of a tile, in pixels. */
  readonly tilePx: number;
  readonly readPx: number;
  readonly tiles: number;
}

/** How the step computes a convolution. Errors: `internal` if it does not use square tiles. */
export function tilingOf(network: Network, name: string): Tiling {
  const operations = stepOperationsOf(operationsOf(network.layers));
  const operation = operations.find((candidate) => candidate.name === name);
  if (operation?.kind !== 'convolution') throw new TexturaError('internal', `${name} is no convolution`);
  const content = trainingStepGraph(network, { batch }).content();
  const first = content.nodes.find((node) => passOf(node) === name);
  const before = operations[operations.indexOf(operation) - 1]?.name;
  const x = content.nodes
    .flatMap(({ outputs }) => outputs)
    .find((value) => value.name === `${before}.output`);
  if (first === undefined || x === undefined) throw new TexturaError('internal', `${name} has no input`);
  const input = activation(x);
  const shape = convolutionShape(operation.layer, operation.pool, input);
  const method = convolutionMethod(input, shape, 'cpu');
  if (method.kind !== 'winograd' || method.tile.rows !== method.tile.columns)
    throw new TexturaError('internal', `${name} is not computed in square tiles`);
  const { outputs: tilePx, inputs: readPx } = toomCook(method.tile.rows, shape.kernelPx);
  const outputPx = input.rows.valid - shape.kernelPx + 1;
  return {
    inputPx: input.rows.valid,
    outputPx,
    kernelPx: shape.kernelPx,
    channels: shape.channels,
    filters: shape.filters,
    tilePx,
    readPx,
    tiles: Math.ceil(outputPx / tilePx),
  };
}

function grid(x: number, y: number, cells: number, cellPx: number, colour: string): Markup {
  const lines = Array.from({ length: cells + 1 }, (_, i) => {
    const at = i * cellPx;
    return html`<path d="M${x + at},${y}v${cells * cellPx}M${x},${y + at}h${cells * cellPx}" stroke="${colour}" stroke-width="${i % cells === 0 ? 1.2 : 0.5}" fill="none"/>`;
  });
  return html`${lines}`;
}

/** The input with its tiles, and what happens to one of them. */
function tileDrawing(network: Network, name: string): Drawing {
  const { inputPx, kernelPx, channels, filters, tilePx, readPx, tiles } = tilingOf(network, name);
  const cellPx = Math.round(240 / inputPx);
  const side = inputPx * cellPx;
  const squares = (at: number, colour: string) =>
    html`<rect x="${at * cellPx}" y="${40}" width="${readPx * cellPx}" height="${readPx * cellPx}" fill="${colour}" fill-opacity="0.28" stroke="${colour}" stroke-width="2"/>`;
  const caption = (x: number, y: number, text: string, colour = muted) =>
    html`<text x="${x}" y="${y}" text-anchor="start" font-size="12.5" fill="${colour}">${text}</text>`;
  const smallPx = Math.floor(84 / readPx);
  const square = (x: number, y: number, cells: number, colour: string) => grid(x, y, cells, smallPx, colour);
  const tileSidePx = readPx * smallPx;
  const [dX, vX, mX, yX] = [side + 40, side + 190, side + 330, side + 480];
  const upperY = 62;
  const lowerY = upperY + tileSidePx + 50;
  const middleY = (upperY + lowerY) / 2;
  const arrow = (x: number, y: number, text: string) =>
    html`<path d="M${x},${y}h38m-6,-4l6,4l-6,4" stroke="${ink}" fill="none"/><text x="${x + 18}" y="${y - 7}" font-size="12" font-style="italic" fill="${ink}">${text}</text>`;
  const into = (x: number, y: number, towards: number) =>
    html`<path d="M${x},${y}l28,${towards}" stroke="${ink}" fill="none"/>`;
  const endOf = (x: number) => x + tileSidePx + 12;
  const notesY = lowerY + tileSidePx + 34;
  const body = html`
${caption(0, 24, `${inputPx} x ${inputPx} inputs, ${tiles} x ${tiles} tiles`, ink)}
${grid(0, 40, inputPx, cellPx, rule)}${squares(0, training)}${squares(tilePx, validation)}
${caption(0, 40 + side + 18, `A tile reads ${readPx} x ${readPx} inputs. Neighbours`)}
${caption(0, 40 + side + 35, `share ${kernelPx - 1} rows or columns.`)}
${caption(dX, upperY - 10, 'd, a tile', training)}${square(dX, upperY, readPx, training)}
${arrow(endOf(dX), upperY + tileSidePx / 2, "B' d B")}
${caption(vX, upperY - 10, 'V', training)}${square(vX, upperY, readPx, training)}
${caption(dX, lowerY - 10, `g, the ${kernelPx} x ${kernelPx} kernel`, wrong)}${square(dX, lowerY, kernelPx, wrong)}
${arrow(endOf(dX), lowerY + tileSidePx / 2, "G g G'")}
${caption(vX, lowerY - 10, 'U', wrong)}${square(vX, lowerY, readPx, wrong)}
${into(endOf(vX), upperY + tileSidePx / 2, 45)}${into(endOf(vX), lowerY + tileSidePx / 2, -45)}
${caption(mX, middleY - 10, 'M', ink)}${square(mX, middleY, readPx, ink)}
${arrow(endOf(mX), middleY + tileSidePx / 2, "A' M A")}
${caption(yX, middleY - 10, `Y, ${tilePx} x ${tilePx} outputs`, validation)}
${square(yX, middleY + ((readPx - tilePx) * smallPx) / 2, tilePx, validation)}
${caption(dX, notesY, `M is a matrix product U V at each of the ${readPx} x ${readPx} positions: [${filters}, ${channels}] x [${channels}, ${batch}].`, ink)}
${caption(dX, notesY + 19, `${readPx ** 2} multiplications for ${tilePx ** 2} outputs; direct convolution needs ${tilePx ** 2 * kernelPx ** 2}.`)}`;
  return { width: yX + 130, height: Math.max(40 + side + 44, notesY + 28), body: body.markup };
}

/** Multiply-adds of a convolution in a whole step, in millions per patch. */
interface StepCost {
  readonly name: string;
  /** As three direct convolutions: forward, kernel gradient, and input gradient except for the first one. */
  readonly direct: number;
  /** Of the matrix products in the graph, with those that transform the tiles. */
  readonly step: number;
}

export function stepCosts(network: Network): readonly StepCost[] {
  const { nodes } = trainingStepGraph(network, { batch }).content();
  const convolutions = describeLayers(network).filter(({ layer }) => layer.kind === 'convolution');
  return convolutions.map(({ layer: { name }, multiplyAdds }, i) => ({
    name,
    direct: (multiplyAdds * (i === 0 ? 2 : 3)) / 1e6,
    step:
      nodes.filter((node) => passOf(node) === name).reduce((sum, node) => sum + multiplyAddsOf(node), 0) /
      batch /
      1e6,
  }));
}

/** A pair of bars for each convolution of each network. */
function costDrawing(networks: readonly Network[]): Drawing {
  const groups = networks.map((network) => ({ name: network.name, costs: stepCosts(network) }));
  const most = Math.max(...groups.flatMap(({ costs }) => costs.map(({ direct }) => direct)));
  const [barX, barsPx, rowPx] = [90, 440, 40];
  let y = 6;
  const drawn = groups.flatMap(({ name, costs }) => {
    const total = (of: 'direct' | 'step') => costs.reduce((sum, cost) => sum + cost[of], 0);
    const title = html`<text x="0" y="${y + 14}" text-anchor="start" font-size="14" fill="${ink}">${name}: ${millions(total('step'))} instead of ${millions(total('direct'))} million multiply-adds</text>`;
    y += 28;
    const rows = costs.map((cost) => {
      const row = html`<text x="${barX - 10}" y="${y + 20}" text-anchor="end" font-size="13" fill="${ink}">${cost.name}</text>
${bar(barX, y, (cost.direct / most) * barsPx, rule, cost.direct)}
${bar(barX, y + 15, (cost.step / most) * barsPx, validation, cost.step)}`;
      y += rowPx;
      return row;
    });
    y += 14;
    return [title, ...rows];
  });
  const legend = html`<rect x="${barX}" y="${y}" width="13" height="13" fill="${rule}"/><text x="${barX + 19}" y="${y + 11}" text-anchor="start" font-size="12.5" fill="${muted}">direct convolution</text>
<rect x="${barX + 150}" y="${y}" width="13" height="13" fill="${validation}"/><text x="${barX + 169}" y="${y + 11}" text-anchor="start" font-size="12.5" fill="${muted}">the graph of the step, transforms included</text>`;
  return { width: barX + barsPx + 60, height: y + 20, body: html`${drawn}${legend}`.markup };
}

function bar(x: number, y: number, widthPx: number, colour: string, value: number): Markup {
  return html`<rect x="${x}" y="${y}" width="${Math.max(1, widthPx).toFixed(1)}" height="13" fill="${colour}"/>
<text x="${(x + Math.max(1, widthPx) + 6).toFixed(1)}" y="${y + 11}" text-anchor="start" font-size="11.5" fill="${muted}">${millions(value)}</text>`;
}

const millions = (value: number): string => value.toFixed(value < 10 ? 2 : 1);

/** The files, by name. */
export function trainingStepFigures(): Readonly<Record<string, string>> {
  const textureNet = networkOf('texture-net', classes);
  const nodes = trainingStepGraph(textureNet, { batch }).content().nodes.length;
  const map = `The step of texture-net, a graph of ${nodes} nodes`;
  return {
    'training-step.svg': svgFile(mapDrawing(textureNet), map),
    'training-step-tile.svg': svgFile(tileDrawing(textureNet, 'conv3'), 'conv3 of texture-net in tiles'),
    'training-step-cost.svg': svgFile(
      costDrawing([networkOf('reference', classes), textureNet]),
      'Multiply-adds of a training step per patch, in millions',
    ),
  };
}
