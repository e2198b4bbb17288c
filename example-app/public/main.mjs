import { createBoard } from './board.mjs';
import { createClock } from './clock.mjs';
import { keepConnected } from './connection.mjs';
import { showConnection } from './connection-state.mjs';
import { createMachine } from './machine.mjs';
import { drawSmoothly } from './motion.mjs';

const clock = createClock();
const machine = createMachine(document);
const state = showConnection(document.querySelector('#connection'));

/** Tells this page from others that share its connection. */
const page = crypto.randomUUID?.() ?? String(Math.random());

const boards = [...document.querySelectorAll('.board')].map((element) =>
  createBoard(element, {
    author: document.querySelector('#author'),
    page,
    onMessage: ({ at, name, board }) => machine.mark(at, name, board),
    onSwitch: () => {
      isCaughtUp = false;
      connection.restart();
    },
  }),
);

/** Whether everything is here that there was: what comes then is news. */
let isCaughtUp = false;

const boardOf = ({ board }) => boards.find(({ id }) => id === board);

const on = {
  'message-posted': (message) => boardOf(message).add(message, { announce: isCaughtUp }),
  typing: (somebody) => {
    if (somebody.page !== page) boardOf(somebody).type(somebody.name);
  },
  server: (server) => state.tell(server),
};
for (const type of machine.types) {
  on[type] = (reading) => {
    clock.hear(reading.at);
    machine.add(type, reading);
  };
}

const connection = keepConnected({
  address: () => {
    const heard = boards.filter((board) => board.isOn).map(({ id }) => id);
    return `stream?boards=${heard}`;
  },
  on,
  onLost() {
    isCaughtUp = false;
    state.set('reconnecting');
  },
  onLive(missed) {
    isCaughtUp = true;
    state.set('open', missed);
    for (const board of boards) board.fill();
  },
});

drawSmoothly(() => machine.draw(clock.now()));
