// A contact sheet: the number of columns with which the pictures are largest in a room that does not scroll.

const SHEET = 12; // pictures at most; more than these scroll

/* The columns, and the width and height of each picture's room, for pictures of these shapes (width by height) over a line of text. */
function fitSheet(shapes, across, down, line) {
  const cell = (all, parts) => (all - GAP) / parts - GAP;
  let best = { area: 0, columns: 1, width: Math.max(1, cell(across, 1)), height: 1 };
  for (let columns = 1; columns <= shapes.length; columns++) {
    const wide = cell(across, columns) - 2 * EDGE;
    const high = cell(down, Math.ceil(shapes.length / columns)) - line - EDGE;
    if (wide < 1 || high < 1) continue;
    const drawn = shapes.map((shape) => [Math.min(wide, high * shape), Math.min(high, wide / shape)]);
    const area = drawn.reduce((sum, [width, height]) => sum + width * height, 0);
    if (area <= best.area * 1.001) continue; // of two that are alike, the one with fewer columns
    const width = Math.max(...drawn.map(([width]) => width)) + 2 * EDGE, height = Math.max(...drawn.map(([, height]) => height)) + EDGE;
    best = { area, columns, width: Math.floor(width), height: Math.floor(height) };
  }
  return best;
}
