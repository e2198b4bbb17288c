import { createBoard } from './board.mjs';
import { createClock } from './clock.mjs';
import { connect } from './connection.mjs';
import { showConnection } from './connection-state.mjs';
import { createMachine } from './machine.mjs';
import { drawSmoothly } from './motion.mjs';

const clock = createClock();
const machine = createMachine(document);
const state = showConnection(document.querySelector('#connection'));

const board = createBoard(document.querySelector('#board'), {
  url: 'messages',
  onMessage: ({ at, name }) => machine.mark(at, name),
});

const on = {
  'message-posted': (message) => board.add(message, { announce: true }),
};
for (const type of machine.types) {
  on[type] = (reading) => {
    clock.hear(reading.at);
    machine.add(type, reading);
  };
}

connect('stream', {
  on,
  onState(name) {
    state.set(name);
    // What happened while the stream was away is asked for. The rest is telling known from new.
    if (name === 'open') Promise.all([board.load(), loadReadings()]).catch(console.warn);
  },
});

async function loadReadings() {
  const answer = await fetch('readings');
  if (!answer.ok) throw new Error(`GET readings: ${answer.status}`);
  for (const { type, ...reading } of await answer.json()) on[type](reading);
}

drawSmoothly(() => machine.draw(clock.now()));
