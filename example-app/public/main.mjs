import { createBoard } from './board.mjs';
import { createClock } from './clock.mjs';
import { connect } from './connection.mjs';
import { showConnection } from './connection-state.mjs';
import { createMachine } from './machine.mjs';
import { drawSmoothly } from './motion.mjs';

const clock = createClock();
const machine = createMachine(document);
const state = showConnection(document.querySelector('#connection'));

const boards = [...document.querySelectorAll('.board')].map((element) =>
  createBoard(element, {
    author: document.querySelector('#author'),
    onMessage: ({ at, name, board }) => machine.mark(at, name, board),
    onSwitch: () => connection.reopen(),
  }),
);

const on = {
  'message-posted': (message) => {
    boards.find(({ id }) => id === message.board).add(message, { announce: true });
  },
};
for (const type of machine.types) {
  on[type] = (reading) => {
    clock.hear(reading.at);
    machine.add(type, reading);
    newest = reading.at;
  };
}

/** When the newest reading was taken that is here, and the newest when the stream was lost. */
let newest = -Infinity;
let newestThen;

/** Takes what is missing of the last minute. The rest may be another process's, and no match. */
function addReadings(readings) {
  const from = newestThen ?? newest;
  newestThen = undefined;
  for (const { type, ...reading } of readings) {
    if (reading.at > from) on[type](reading);
  }
}

function update() {
  for (const board of boards) board.update();
}

const connection = connect({
  address: () => {
    const heard = boards.filter((board) => board.isOn).map(({ id }) => id);
    return `stream?boards=${heard}`;
  },
  on,
  onGap() {
    for (const board of boards) board.outdate();
    update();
  },
  onLost() {
    newestThen ??= newest;
    state.set('reconnecting');
  },
  onOpen({ readings, ...server }, missed) {
    addReadings(readings);
    state.set('open', missed);
    state.tell(server);
    update();
  },
});

drawSmoothly(() => machine.draw(clock.now()));
