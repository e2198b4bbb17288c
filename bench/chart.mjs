// Bars, one panel for each scenario. An image on GitHub can't know whether the page is light or
// dark, so the background is left open, and all colours are read on both.
const WIDTH = 860;
const PANEL_GAP = 24;
const NAME_WIDTH = 150;
const VALUE_WIDTH = 46;
const BAR = 16;
const STEP = 24;
const TOP = 62;
const TEXT = '#737c86';
const OURS = '#2f81f7';
const OTHERS = '#9aa3ad';
const FONT = "font-family='system-ui, -apple-system, Segoe UI, Helvetica, Arial, sans-serif'";

/** `panels`: { title, bars: [{ label, value, ours }] }, all with bars of the same labels. */
export function chart(title, panels) {
  const labels = panels[0].bars.map(({ label }) => label);
  const height = TOP + labels.length * STEP + 8;
  const panelWidth = (WIDTH - NAME_WIDTH - PANEL_GAP * panels.length) / panels.length;
  const parts = [text(0, 16, title, { weight: 600, size: 14 })];
  labels.forEach((label, index) => {
    const weight = panels[0].bars[index].ours ? 600 : 400;
    parts.push(text(NAME_WIDTH, rowTop(index) + 12, label, { anchor: 'end', weight }));
  });
  panels.forEach((panel, index) => {
    const left = NAME_WIDTH + PANEL_GAP + index * (panelWidth + PANEL_GAP);
    parts.push(text(left, TOP - 14, panel.title, { weight: 600 }));
    parts.push(...bars(panel.bars, left, panelWidth - VALUE_WIDTH));
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img" ${FONT}>
<title>${escaped(title)}</title>
${parts.join('\n')}
</svg>
`;
}

function bars(list, left, width) {
  const most = Math.max(...list.map(({ value }) => value ?? 0));
  return list.flatMap(({ value, ours }, index) => {
    const top = rowTop(index);
    if (value === undefined) return [text(left, top + 12, 'not run')];
    const length = Math.max(1, (value / most) * width);
    const size = `width="${length.toFixed(1)}" height="${BAR}" rx="2"`;
    return [
      `<rect x="${left.toFixed(1)}" y="${top}" ${size} fill="${ours ? OURS : OTHERS}"/>`,
      text(left + length + 6, top + 12, value.toFixed(value < 10 ? 2 : 1), {
        weight: ours ? 600 : 400,
      }),
    ];
  });
}

function rowTop(index) {
  return TOP + index * STEP;
}

function text(x, y, content, { anchor = 'start', weight = 400, size = 12 } = {}) {
  const place = `x="${x.toFixed(1)}" y="${y}" text-anchor="${anchor}"`;
  const font = `font-size="${size}" font-weight="${weight}" fill="${TEXT}"`;
  return `<text ${place} ${font}>${escaped(content)}</text>`;
}

function escaped(content) {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}
