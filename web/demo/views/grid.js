// Where the tiles go: as many columns as make them largest.

const gap = 10;
/** Tiles may be as wide as 16:9 and as tall as 3:4 between these. */
const widest = 16 / 9;
const tallest = 3 / 4;
/** Tiles of the strip under a shared screen are at least this wide, in pixels. */
const narrowest = 112;

/**
 * The best columns and rows for `count` tiles in `width` × `height` pixels.
 * @returns {{columns: number, rows: number, width: number, height: number}} size of one tile
 */
export function bestGrid(count, width, height) {
  let best = { columns: 1, rows: 1, width: 0, height: 0, worth: -1 };
  for (let columns = 1; columns <= count; columns++) {
    const rows = Math.ceil(count / columns);
    const cell = { width: (width - gap * (columns - 1)) / columns, height: (height - gap * (rows - 1)) / rows };
    const ratio = Math.min(widest, Math.max(tallest, cell.width / cell.height));
    const fit = { width: Math.min(cell.width, cell.height * ratio), height: Math.min(cell.height, cell.width / ratio) };
    // A landscape picture loses its sides in a tall tile: count what remains of it.
    const worth = fit.width * fit.height * Math.min(1, 0.6 + 0.4 * (fit.width / fit.height));
    if (worth > best.worth) best = { columns, rows, ...fit, worth };
  }
  return best;
}

/** Lays out the children of `grid`; with a shared screen the first tile is large and the rest a strip. */
export function fitGrid(grid) {
  const count = grid.children.length;
  const { clientWidth: width, clientHeight: height } = grid;
  if (!count || !width || !height) return;
  const spotlight = grid.hasAttribute('data-spotlight') && count > 1;
  if (spotlight) {
    const columns = Math.min(count - 1, Math.max(1, Math.floor(width / narrowest)));
    grid.style.setProperty('--columns', String(columns));
    grid.style.setProperty('--rows', String(Math.ceil((count - 1) / columns)));
    grid.style.removeProperty('--tile-width');
    grid.style.removeProperty('--tile-height');
    return;
  }
  const best = bestGrid(count, width, height);
  grid.style.setProperty('--tile-width', `${Math.floor(best.width)}px`);
  grid.style.setProperty('--tile-height', `${Math.floor(best.height)}px`);
}
