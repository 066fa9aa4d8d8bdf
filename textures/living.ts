/** Organic materials: foliage, honeycomb, leather. */
import { emptyCell, fractalNoise, gradientNoise, type Lattice, nearestCell, squareValue } from './noise.ts';
import { type Material, mix, type SurfacePoint, smoothstep } from './surface.ts';

/** Overlapping pointed leaves, each with a midrib; higher leaves hide lower ones. */
export const foliage: Material = {
  turns: 0.06,
  gloss: 0.12,
  piece: (random, lattice) => {
    const leafPx = random.between(15, 20);
    const green = random.between(0.4, 0.6);
    return (at) => {
      const { u, v } = at;
      at.tone = 0.06 + 0.05 * gradientNoise(lattice, u / 6, v / 6);
      at.height = -4;
      topLeaf(lattice, u / leafPx, v / leafPx, green, at);
    };
  },
};

/**
 * Paints the topmost leaf that covers (x, y), of the leaves seeded in the 3x3 unit squares around it, if any.
 */
function topLeaf(lattice: Lattice, x: number, y: number, green: number, at: SurfacePoint): void {
  const left = Math.floor(x);
  const top = Math.floor(y);
  let topmost = -1;
  for (let column = left - 1; column <= left + 1; column++) {
    const start = lattice.order[column & 255] as number;
    for (let row = top - 1; row <= top + 1; row++) {
      const id = lattice.order[start + (row & 255)] as number;
      if (id <= topmost) continue;
      const dx = x - column - (lattice.value[id] as number);
      const dy = y - row - (lattice.value[255 - id] as number);
      const along = dx * (lattice.gradientX[id] as number) + dy * (lattice.gradientY[id] as number);
      const across = dy * (lattice.gradientX[id] as number) - dx * (lattice.gradientY[id] as number);
      const end = 1 - along * along * 1.1;
      const side = Math.abs(across) / 0.6;
      if (end <= 0 || side >= end) continue;
      topmost = id;
      paintLeaf(at, along, side, end, green + 0.25 * ((lattice.value[(id * 7) & 255] as number) - 0.5), id);
    }
  }
}

function paintLeaf(
  at: SurfacePoint,
  along: number,
  side: number,
  end: number,
  green: number,
  id: number,
): void {
  const rib = smoothstep(0.12, 0.03, side);
  const veins = Math.abs(((along * 5 - side * 1.4 + 40) % 1) - 0.5);
  at.tone = mix(green, 0.85, 0.6 * rib) + 0.14 * (veins - 0.25) - 0.25 * smoothstep(0.75, 1, side / end);
  at.height = id / 40 + 2.2 * (1 - side * side) * end;
}

/** Six-sided wax cells: deep and dark with pale walls, some filled and capped. */
export const honeycomb: Material = {
  turns: 0.06,
  gloss: 0.1,
  piece: (random, lattice) => {
    const cellPx = random.between(15, 20);
    const capped = random.between(0, 0.3);
    const cell: HexagonalCell = { column: 0, row: 0, toWall: 0 };
    return (at) => {
      const { u, v } = at;
      const x = u / cellPx + 0.12 * gradientNoise(lattice, u / 30, v / 30);
      const y = v / cellPx + 0.12 * gradientNoise(lattice, u / 30 + 60, v / 30);
      const { column, row, toWall } = hexagonalCell(x, y, cell);
      const wall = smoothstep(0.15, 0.05, toWall);
      const inside = squareValue(lattice, column, row) < capped ? 0.5 : 0.13;
      at.tone = mix(inside + 0.15 * (0.4 - toWall), 0.78, wall);
      at.height = 5 * wall + 0.4 * gradientNoise(lattice, u / 5, v / 5);
    };
  },
};

interface HexagonalCell {
  column: number;
  row: number;
  /** Distance to the nearest wall; 0.5 in the middle. */
  toWall: number;
}

/** The cell that contains (x, y). Cells are one unit apart, and every other row is shifted by half a unit. */
function hexagonalCell(x: number, y: number, into: HexagonalCell): HexagonalCell {
  const rowHeight = 0.8660254;
  const above = Math.floor(y / rowHeight);
  into.toWall = -1;
  for (let row = above; row <= above + 1; row++) {
    const offset = 0.5 * (row & 1);
    const column = Math.round(x - offset);
    const dx = x - offset - column;
    const dy = y - row * rowHeight;
    const slant = rowHeight * dy;
    const toWall = 0.5 - Math.max(Math.abs(dx), Math.abs(0.5 * dx + slant), Math.abs(0.5 * dx - slant));
    if (toWall <= into.toWall) continue;
    into.column = column;
    into.row = row;
    into.toWall = toWall;
  }
  return into;
}

/** Small domed scales between fine creases, crossed by longer folds. */
export const leather: Material = {
  turns: 0.06,
  gloss: 0.2,
  piece: (random, lattice) => {
    const scalePx = random.between(5.5, 7.5);
    const hide = random.between(0.28, 0.5);
    const cell = emptyCell();
    return (at) => {
      const { u, v } = at;
      const bend = 0.25 * gradientNoise(lattice, u / 8, v / 8);
      nearestCell(lattice, u / scalePx + bend, v / scalePx - bend, 1, cell);
      const scale = smoothstep(0, 0.3, cell.second - cell.nearest);
      const fold = smoothstep(0, 0.16, Math.abs(fractalNoise(lattice, u / 34, v / 34, 2)));
      const shade = hide + 0.06 * (lattice.value[cell.id] as number);
      at.tone = shade * mix(0.55, 1, scale) * mix(0.6, 1, fold);
      at.height = 1.5 * scale + 2 * fold;
    };
  },
};
