import { createBoard } from './board.mjs';
import { createClock } from './clock.mjs';
import { connect } from './connection.mjs';
import { showConnection } from './connection-state.mjs';
import { createMachine } from './machine.mjs';
import { drawSmoothly } from './motion.mjs';
import { createSupply } from './supply.mjs';

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
  };
}

const readings = createSupply('readings', (list) => {
  for (const { type, ...reading } of list) on[type](reading);
});

function update() {
  readings.update();
  for (const board of boards) board.update();
}

const connection = connect({
  address: () => {
    const heard = boards.filter((board) => board.isOn).map(({ id }) => id);
    return `stream?boards=${heard}`;
  },
  on,
  onGap() {
    for (const supply of [readings, ...boards]) supply.outdate();
    update();
  },
  onLost() {
    state.set('reconnecting');
  },
  onOpen(missed) {
    state.set('open', missed);
    update();
  },
});

drawSmoothly(() => machine.draw(clock.now()));
