/** `1.23`, or `1.23 (1.20 to 1.31)` where there are several runs; undefined stays empty. */
export function figure(summary, digits) {
  if (summary === undefined) return '';
  const { median, min, max } = summary;
  const [middle, least, most] = [median, min, max].map((value) => number(value, digits));
  return least === most ? middle : `${middle} (${least} to ${most})`;
}

/** In the figures of a table: 1,234.50 with two digits. */
export function number(value, digits) {
  return value.toLocaleString('en', {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
}

/** The cells of a row of a scenario's table. */
export function cells(columns, { label, figures }) {
  return [label, ...columns.map(({ key, digits }) => figure(figures[key], digits))];
}

/** The head of a scenario's table. */
export function head(columns) {
  return ['', ...columns.map((column) => column.head)];
}

/** A table in Markdown: the first column to the left, all others to the right. */
export function markdown(header, rows) {
  const line = (texts) => `| ${texts.join(' | ')} |`;
  const rule = header.map((_text, index) => (index === 0 ? '---' : '---:'));
  return [header, rule, ...rows].map(line).join('\n');
}

/** A scenario and its table, as a section in Markdown. */
export function section({ id, title, columns, rows }) {
  const table = markdown(
    head(columns),
    rows.map((row) => cells(columns, row)),
  );
  return `## (${id}) ${title}\n\n${table}\n`;
}

/** Lines for a terminal, in columns. */
export function aligned(rows) {
  const widths = rows[0].map((_text, column) => Math.max(...rows.map((row) => row[column].length)));
  const pad = (text, column) =>
    column === 0 ? text.padEnd(widths[0]) : text.padStart(widths[column]);
  return rows.map((row) => row.map(pad).join('  '));
}
