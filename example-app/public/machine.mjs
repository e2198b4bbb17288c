import { createAxis } from './axis.mjs';
import { createLane } from './lane.mjs';
import { duration, figure, gibibytes, mebibytes } from './words.mjs';

/**
 * The paper runs a little behind the clock, in ms. So the next reading is there before the pen has to go
 * to it, and the pen never jumps.
 */
const behind = 1300;

/** The sheet of charts: one lane for each type of reading, all on the same paper. */
export function createMachine(root) {
  const at = (id) => root.querySelector(`#${id}`);
  const cores = at('cores');
  const uptime = at('uptime');

  const lanes = {
    cpu: createLane(at('cpu'), {
      unit: ' %',
      lines: ({ cores }) => [mean(cores), ...cores],
      ceiling: () => 100,
      say: (reading) => [
        mean(reading.cores).toFixed(0),
        reading.cores.length === 1 ? '1 core' : `${reading.cores.length} cores`,
      ],
      captions: true,
    }),
    memory: createLane(at('memory'), {
      unit: ' GiB',
      lines: ({ used }) => [gibibytes(used)],
      ceiling: (highest, { total }) => Math.min(roundUp(highest), gibibytes(total)),
      say: ({ used, total, rss }) => [
        figure(gibibytes(used)),
        `of ${figure(gibibytes(total))} GiB; this server ${figure(mebibytes(rss))} MiB`,
      ],
    }),
    loop: createLane(at('loop'), {
      unit: ' ms',
      lines: ({ p50, p99 }) => [p50, p99],
      pens: 2,
      ceiling: (highest) => Math.max(5, roundUp(highest)),
      say: ({ p50, p99 }) => [figure(p50), `${figure(p99)} ms`],
    }),
    clients: createLane(at('clients'), {
      unit: '',
      lines: ({ connected }) => [connected],
      ceiling: (highest) => Math.max(4, roundUp(highest + 1)),
      say: ({ connected }) => [
        String(connected),
        connected === 1 ? 'connection of this process' : 'connections of this process',
      ],
      steps: true,
    }),
  };
  const axis = createAxis(at('axis'));

  return {
    types: [...Object.keys(lanes), 'uptime'],

    add(type, reading) {
      if (type === 'uptime') {
        uptime.textContent = `Node ${reading.node} on ${reading.platform}, up for ${duration(reading.seconds)}`;
        return;
      }
      lanes[type].add(reading);
      if (type === 'cpu') showCores(cores, reading.cores);
    },

    /** Leaves a mark on the paper, at the moment `time`; its looks depend on `kind`. */
    mark(time, caption, kind) {
      for (const lane of Object.values(lanes)) lane.mark(time, caption, kind);
    },

    draw(now) {
      if (!Number.isFinite(now)) return; // not one reading yet
      for (const chart of [...Object.values(lanes), axis]) chart.draw(now - behind);
    },
  };
}

function showCores(element, busy) {
  while (element.children.length < busy.length) element.append(document.createElement('i'));
  while (element.children.length > busy.length) element.lastChild.remove();
  for (const [core, percent] of busy.entries()) {
    element.children[core].style.setProperty('--busy', percent / 100);
  }
  element.ariaLabel = busy
    .map((percent, core) => `Core ${core}: ${percent.toFixed(0)} %`)
    .join(', ');
}

function mean(values) {
  return values.reduce((sum, value) => sum + value, 0) / (values.length || 1);
}

/** The next of 1, 2, 4, 6, 10, 20, 40, 60, 100 and so on: their halves are short numbers as well. */
function roundUp(value) {
  const power = 10 ** Math.floor(Math.log10(Math.max(value, 1)));
  return [1, 2, 4, 6, 10].map((step) => step * power).find((step) => step >= value);
}
