// Where places stand for an assignment of axes to sides. Python's side is nbkit/sweep/arrange.py.

const SIDES = [["rows", "Rows"], ["columns", "Columns"], ["slider", "Slider"], ["pages", "Pages"]];

class Projection {
  constructor(axes, spots) {
    this.axes = axes.map(([name, values]) => ({ name, values })); // the axes with their values
    this.spots = spots; // for each place its position along each axis
    this.places = new Map(spots.map((spot, place) => [spot.join(), place]));
  }

  place(spot) { return this.places.get(spot.join()) ?? -1; }

  count(axis) { return this.axes[axis]?.values.length ?? 1; }

  along(axis) { return axis < 0 ? [-1] : this.axes[axis].values.map((_, i) => i); }

  said(axis, index) { return axis < 0 ? "" : `${this.axes[axis].name} ${this.axes[axis].values[index]}`; }

  facts(place) { return (this.spots[place] ?? []).map((index, axis) => this.said(axis, index)); }

  /* The lines of one slice: its row, its columns, and the place of each; with no axis down the side, a line that is
     longer than `most` is broken. */
  lines({ rows, columns }, at, most) {
    const across = this.along(columns);
    const parts = rows < 0 ? Math.ceil(across.length / Math.max(1, most)) : 1;
    const length = Math.ceil(across.length / parts);
    const pieces = Array.from({ length: parts }, (_, i) => across.slice(i * length, (i + 1) * length));
    return pieces.flatMap((piece) => this.along(rows).map((row) => ({
      row, columns: piece, places: piece.map((column) => this.place(moved(at, [[rows, row], [columns, column]]))),
    })));
  }

  /* The same axes on other sides: one that stood elsewhere changes its place with the axis that was here. */
  assign(sides, side, axis) {
    const from = SIDES.map(([name]) => name).find((name) => axis >= 0 && sides[name] === axis);
    return { ...sides, ...(from && { [from]: sides[side] }), [side]: axis };
  }
}

function moved(at, changes) {
  const spot = [...at];
  for (const [axis, index] of changes) if (axis >= 0) spot[axis] = index;
  return spot;
}
