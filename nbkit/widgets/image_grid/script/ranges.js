// Ranges of places: [[first, end], …], in order, without overlap.

const holds = (ranges, i) => ranges.some(([first, end]) => i >= first && i < end);
const size = (ranges) => ranges.reduce((sum, [first, end]) => sum + end - first, 0);

function tidy(ranges) {
  const found = [];
  for (const [first, end] of ranges.filter(([a, b]) => a < b).sort((a, b) => a[0] - b[0])) {
    const last = found.at(-1);
    if (last && first <= last[1]) last[1] = Math.max(last[1], end);
    else found.push([first, end]);
  }
  return found;
}

function without(ranges, i) {
  return ranges.flatMap(([first, end]) => (i >= first && i < end ? [[first, i], [i + 1, end]] : [[first, end]]));
}

function* places(ranges) {
  for (const [first, end] of ranges) for (let i = first; i < end; i++) yield i;
}
