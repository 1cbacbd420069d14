// SPDX-License-Identifier: Apache-2.0
//
// The flame graph's style, markup and script. The script reads the data element, never writes HTML
// (textContent only), and draws on one canvas.
#include "report/views/flamegraph_html.h"

namespace memwhy::report {

std::string_view FlamegraphStyle() {
  return R"css(
.fg { --ink: #1b1f24; --paper: #ffffff; --line: #d0d7de; --dim: #57606a; --hit: #8250df;
  color-scheme: light dark; }
body { margin: 0; font: 14px/1.45 system-ui, sans-serif; color: #1b1f24; background: #ffffff; }
main { max-width: 1400px; margin: 0 auto; padding: 12px 16px; }
h1 { font-size: 18px; overflow-wrap: anywhere; }
.fg-bar { display: flex; flex-wrap: wrap; gap: 8px 16px; align-items: center; margin: 8px 0; }
.fg input, .fg select, .fg button { font: inherit; min-height: 28px; color: inherit;
  background: transparent; border: 1px solid var(--dim); border-radius: 4px; padding: 2px 8px; }
.fg canvas { display: block; width: 100%; cursor: pointer; }
.fg canvas:focus-visible, .fg button:focus-visible, .fg input:focus-visible {
  outline: 2px solid var(--hit); outline-offset: 2px; }
.fg-now { min-height: 3em; overflow-wrap: anywhere; }
.fg-table { overflow-x: auto; }
.fg table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
.fg th, .fg td { text-align: left; padding: 3px 8px; border-bottom: 1px solid var(--line); }
.fg th.n, .fg td.n { text-align: right; white-space: nowrap; }
.fg td { overflow-wrap: anywhere; }
@media (prefers-color-scheme: dark) {
  .fg { --ink: #e6edf3; --paper: #0d1117; --line: #30363d; --dim: #9198a1; --hit: #d2a8ff; }
  body { color: #e6edf3; background: #0d1117; }
}
)css";
}

std::string_view FlamegraphMarkup() {
  return R"html(<section class="fg" id="flamegraph" aria-label="Flame graph">
<p id="fg-about"></p>
<div class="fg-bar">
<label>Search <input id="fg-search" type="search" autocomplete="off"></label>
<label id="fg-metric-label">Show <select id="fg-metric">
<option value="value">end of the range</option><option value="baseline">start of the range</option>
</select></label>
<button id="fg-reset" type="button">Whole graph</button>
<span id="fg-matches" role="status"></span>
</div>
<canvas id="fg-canvas" tabindex="0" role="img" aria-label="Icicle of allocations by caller"
 aria-details="fg-table"></canvas>
<p class="fg-now" id="fg-now" aria-live="polite"></p>
<h2>By function</h2>
<div class="fg-table"><table id="fg-table"><thead><tr><th scope="col">Function</th>
<th scope="col" class="n">Self</th><th scope="col" class="n">Total</th>
<th scope="col" class="n">Share</th></tr></thead><tbody></tbody></table></div>
<noscript><p>This view needs script; <code>memwhy stats</code> prints the same numbers.</p></noscript>
</section>
)html";
}

std::string_view FlamegraphScript() {
  return R"js(
(() => {
'use strict';
const element = (id) => document.getElementById(id);
let data;
try {
  data = JSON.parse(element('flamegraph-data').textContent);
} catch (error) {
  element('fg-about').textContent = 'The data of this page is damaged: ' + error.message;
  return;
}
const ROW = 20, TABLE_ROWS = 200;
const nodes = data.nodes, frames = data.frames;
const canvas = element('fg-canvas'), context = canvas.getContext('2d');
const children = nodes.map(() => []);
const depth = new Array(nodes.length).fill(0);
nodes.forEach((node, i) => {
  if (node.parent === null) return;
  children[node.parent].push(i);
  depth[i] = depth[node.parent] + 1;
});
const isDiff = data.compare === 'sessions';
let metric = isDiff ? 'width' : 'value', zoom = 0, focus = 0, query = '', boxes = [];

const bytes = (count) => {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
  let unit = 0;
  while (count >= 999.5 && unit + 1 < units.length) { count /= 1024; unit++; }
  return (unit === 0 ? count : count.toPrecision(3)) + ' ' + units[unit];
};
// In a comparison a node is as wide as the larger of before and after: what is gone remains.
const selfWidth = (node) => Math.max(node.self, node.self_baseline || 0);
for (const node of nodes) node.width = selfWidth(node);
for (let i = nodes.length - 1; i > 0; i--) nodes[nodes[i].parent].width += nodes[i].width;
const amount = (i) => nodes[i][metric] || 0;
const selfAmount = (i) => metric === 'width' ? selfWidth(nodes[i]) :
  nodes[i][metric === 'value' ? 'self' : 'self_baseline'] || 0;
const glyph = (node) => node.value > node.baseline ? '+ ' : node.value < node.baseline ? '\u2212 ' :
  '= ';
const percent = (part, whole) => whole > 0 ? (100 * part / whole).toFixed(1) + ' %' : '0 %';
const label = (i) => {
  const node = nodes[i];
  if (node.kind === 'root') return 'all allocations';
  if (node.kind === 'no_python') return 'threads without Python';
  if (node.kind === 'unknown_stack') return 'unknown stack';
  if (node.kind === 'truncated') return 'callers unknown (stack cut)';
  if (node.kind === 'merged') return node.merged + ' small nodes merged';
  return frameLabel(frames[node.frame]);
};
const frameLabel = (frame) => {
  const name = frame.function === null ? 'unknown function' : frame.function;
  if (frame.module === null) return name;
  if (frame.language !== 'c') return frame.module + '.' + name;
  return name.startsWith(frame.module + '+') ? name : name + ' (' + frame.module + ')';
};
const place = (frame) => frame.file === null ? '' :
  frame.file + (frame.line === null ? '' : ':' + frame.line);
const matches = (i) => {
  if (query === '' || nodes[i].kind !== 'frame') return false;
  const frame = frames[nodes[i].frame];
  return (frameLabel(frame) + ' ' + place(frame)).toLowerCase().includes(query);
};
const hue = (text) => {
  let hash = 7;
  for (let i = 0; i < text.length; i++) hash = (hash * 31 + text.charCodeAt(i)) >>> 0;
  return [28, 45, 80, 150, 185, 215, 250, 330][hash % 8];
};
const isDark = () => matchMedia('(prefers-color-scheme: dark)').matches;
const fillOfChange = (node, dark) => {
  const change = node.value - node.baseline;
  const part = Math.abs(change) / Math.max(node.value, node.baseline, 1);
  if (change === 0) return dark ? '#373e47' : '#d8dee4';
  return 'hsl(' + (change > 0 ? 16 : 212) + ' ' + (dark ? '60% ' + (22 + 16 * part) :
    '85% ' + (90 - 22 * part)) + '%)';
};
const fill = (i) => {
  const node = nodes[i], dark = isDark();
  if (isDiff) return fillOfChange(node, dark);
  if (node.kind !== 'frame') return dark ? '#373e47' : '#d8dee4';
  const frame = frames[node.frame];
  return 'hsl(' + hue(frame.module || frame.file || '') + (dark ? ' 45% 30%)' : ' 70% 80%)');
};

const draw = () => {
  const width = canvas.clientWidth, ratio = devicePixelRatio || 1;
  boxes = [];
  let rows = 0;
  const ancestors = [];
  for (let i = zoom; nodes[i].parent !== null; i = nodes[i].parent) ancestors.push(nodes[i].parent);
  ancestors.reverse();
  ancestors.forEach((i, row) => boxes.push({i, x: 0, w: width, row}));
  const open = [{i: zoom, x: 0, w: width, row: ancestors.length}];
  while (open.length > 0) {
    const box = open.pop();
    if (box.w < 0.5) continue;
    boxes.push(box);
    rows = Math.max(rows, box.row + 1);
    const whole = amount(box.i);
    let x = box.x;
    for (const child of children[box.i]) {
      const w = whole > 0 ? box.w * amount(child) / whole : 0;
      open.push({i: child, x, w, row: box.row + 1});
      x += w;
    }
  }
  rows = Math.max(rows, ancestors.length + 1);
  canvas.style.height = rows * ROW + 'px';
  canvas.width = Math.max(1, Math.round(width * ratio));
  canvas.height = Math.max(1, Math.round(rows * ROW * ratio));
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.font = '12px system-ui, sans-serif';
  context.textBaseline = 'middle';
  const colours = getComputedStyle(element('flamegraph'));
  const ink = colours.getPropertyValue('--ink'), paper = colours.getPropertyValue('--paper');
  const hit = colours.getPropertyValue('--hit');
  for (const box of boxes) {
    const y = box.row * ROW;
    context.globalAlpha = query !== '' && !matches(box.i) ? 0.35 : 1;
    context.fillStyle = fill(box.i);
    context.fillRect(box.x, y, box.w, ROW - 1);
    context.globalAlpha = 1;
    context.strokeStyle = paper;
    context.strokeRect(box.x + 0.5, y - 0.5, box.w, ROW);
    if (matches(box.i) || box.i === focus) {
      context.strokeStyle = box.i === focus ? ink : hit;
      context.lineWidth = 2;
      context.strokeRect(box.x + 1, y + 1, Math.max(box.w - 2, 1), ROW - 3);
      context.lineWidth = 1;
    }
    if (box.w < 28) continue;
    context.fillStyle = ink;
    let text = (isDiff ? glyph(nodes[box.i]) : '') + label(box.i);
    const room = Math.floor((box.w - 8) / 6.6);
    if (text.length > room) text = text.slice(0, Math.max(room - 1, 1)) + '\u2026';
    context.fillText(text, box.x + 4, y + ROW / 2);
  }
};

const describe = (i) => {
  const node = nodes[i];
  const width = metric === 'width' ? 'the larger of before and after ' : '';
  let text = label(i) + ': ' + width + bytes(amount(i)) + ' (' + amount(i).toLocaleString('en') +
    ' bytes), ' + percent(amount(i), amount(0)) + ', self ' + bytes(selfAmount(i));
  if (metric === 'value') text += ', ' + node.blocks.toLocaleString('en') + ' blocks';
  if (node.baseline !== null) {
    const change = node.value - node.baseline;
    text += ', change ' + (change < 0 ? '\u2212' : '+') + bytes(Math.abs(change));
  }
  if (node.kind === 'frame') text += ', ' + place(frames[node.frame]);
  element('fg-now').textContent = text;
};
const select = (i) => { focus = i; describe(i); draw(); };
const zoomTo = (i) => { zoom = i; select(i); fillTable(); };

const below = (top) => {
  const inside = new Array(nodes.length).fill(false);
  inside[top] = true;
  for (let i = top + 1; i < nodes.length; i++) inside[i] = inside[nodes[i].parent];
  return inside;
};
const fillTable = () => {
  const inside = below(zoom), rows = new Map();
  const walk = [{i: zoom, path: new Set()}];
  while (walk.length > 0) {
    const {i, path} = walk.pop();
    let inner = path;
    if (inside[i] && nodes[i].kind !== 'root') {
      const frame = nodes[i].kind === 'frame' ? frames[nodes[i].frame] : null;
      const key = frame === null ? nodes[i].kind : frameLabel(frame) + '\n' + frame.file;
      const row = rows.get(key) || {name: frame === null && nodes[i].kind === 'merged' ?
        'small nodes merged' : frame === null ? label(i) : frameLabel(frame), self: 0, total: 0};
      row.self += selfAmount(i);
      if (!path.has(key)) {
        row.total += amount(i);
        inner = new Set(path).add(key);
      }
      rows.set(key, row);
    }
    for (const child of children[i]) walk.push({i: child, path: inner});
  }
  const sorted = [...rows.values()].sort((a, b) => b.self - a.self || b.total - a.total);
  const body = element('fg-table').tBodies[0];
  body.replaceChildren();
  for (const row of sorted.slice(0, TABLE_ROWS)) {
    const line = body.insertRow();
    const cells = [row.name, bytes(row.self), bytes(row.total), percent(row.total, amount(0))];
    cells.forEach((text, column) => {
      const cell = line.insertCell();
      cell.textContent = text;
      if (column > 0) cell.className = 'n';
    });
  }
};

const search = () => {
  query = element('fg-search').value.trim().toLowerCase();
  let sum = 0;
  const covered = new Array(nodes.length).fill(false);
  nodes.forEach((node, i) => {
    if (node.parent !== null && covered[node.parent]) { covered[i] = true; return; }
    if (matches(i)) { covered[i] = true; sum += amount(i); }
  });
  element('fg-matches').textContent =
    query === '' ? '' : bytes(sum) + ' in matches, ' + percent(sum, amount(0));
  draw();
};
const boxAt = (event) => {
  const area = canvas.getBoundingClientRect();
  const x = event.clientX - area.left, row = Math.floor((event.clientY - area.top) / ROW);
  return boxes.find((box) => box.row === row && x >= box.x && x < box.x + box.w);
};
canvas.addEventListener('mousemove', (event) => {
  const box = boxAt(event);
  if (box && box.i !== focus) select(box.i);
});
canvas.addEventListener('click', (event) => {
  const box = boxAt(event);
  if (box) zoomTo(box.i);
});
canvas.addEventListener('keydown', (event) => {
  const parent = nodes[focus].parent;
  const siblings = parent === null ? [focus] : children[parent];
  const at = siblings.indexOf(focus);
  const heaviest = children[focus].reduce(
    (best, i) => best === -1 || amount(i) > amount(best) ? i : best, -1);
  const targets = {ArrowUp: parent, ArrowDown: heaviest, ArrowLeft: siblings[at - 1],
    ArrowRight: siblings[at + 1]};
  if (event.key === 'Enter') zoomTo(focus);
  else if (event.key === 'Escape') zoomTo(nodes[zoom].parent === null ? 0 : nodes[zoom].parent);
  else if (event.key in targets) {
    const next = targets[event.key];
    if (next !== null && next !== undefined && next !== -1) select(next);
  } else return;
  event.preventDefault();
});
element('fg-search').addEventListener('input', search);
element('fg-reset').addEventListener('click', () => zoomTo(0));
element('fg-metric').addEventListener('change', (event) => {
  metric = event.target.value;
  search();
  fillTable();
  describe(focus);
});
if (isDiff) {
  const select = element('fg-metric');
  [...select.options].forEach((option, i) => { option.textContent = ['after', 'before'][i]; });
  select.add(new Option('change', 'width', true, true), 0);
}
element('fg-metric-label').hidden = nodes[0].baseline === null;
addEventListener('resize', draw);
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', draw);
const shown = {live: 'Live at the end of the range', peak: 'Live at the peak of the range',
  allocated: 'Allocated in the range', temporary: 'Released before the next allocation'};
element('fg-about').textContent = (isDiff ? 'Width: the larger of before and after, colour and ' +
  'sign: + grown (orange), \u2212 shrunk (blue), = unchanged (grey). ' : '') +
  (shown[data.show] || data.show) + ', ' +
  data.range.from.toFixed(1) + ' to ' + data.range.to.toFixed(1) + ' s, requested bytes. Nodes below ' +
  data.pruned_below * 100 + ' % are merged. Enter zooms, Escape goes back, arrows move.';
zoomTo(0);
})();
)js";
}

}  // namespace memwhy::report
