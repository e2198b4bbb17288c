import { useEffect, useState } from 'react';
import { connect } from '../../../../dist/esm/client.js';
import { useEvent, useEvents, useStream } from '../../../../dist/esm/react/hooks.js';

function Board({ stream, id }) {
  const state = useStream(stream);
  const latest = useEvent(stream, 'order');
  const newest = useEvents(stream, 'order', { limit: 3 });
  return (
    <p id={id}>
      {state}, {latest ?? 'nothing'}, [{newest.join(' ')}]
    </p>
  );
}

export function Page() {
  const [room, setRoom] = useState('first');
  const [boards, setBoards] = useState(1);
  const [stream, setStream] = useState();
  useEffect(() => {
    const opened = connect(`/stream?room=${room}`);
    setStream(opened);
    return () => opened.close();
  }, [room]);
  return (
    <>
      <Board stream={stream} id="board" />
      {boards > 1 && <Board stream={stream} id="late" />}
      <button type="button" onClick={() => setBoards(2)}>
        Another board
      </button>
      <button type="button" onClick={() => setRoom('second')}>
        Another room
      </button>
    </>
  );
}
