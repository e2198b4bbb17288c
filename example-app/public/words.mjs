/** 75 seconds as "1 min 15 s". */
export function duration(seconds) {
  const units = [
    [86_400, 'd'],
    [3600, 'h'],
    [60, 'min'],
    [1, 's'],
  ];
  const from = units.findIndex(([length]) => seconds >= length);
  if (from === -1) return '0 s';
  return units
    .slice(from, from + 2)
    .map(([length, unit], place) => {
      const whole = Math.floor((place === 0 ? seconds : seconds % units[from][0]) / length);
      return `${whole} ${unit}`;
    })
    .join(' ');
}

/** "1 event", "14 events". */
export function count(number, noun) {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}

/** At most two digits after the point, and fewer the larger the number is. */
export function figure(value) {
  return value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0);
}

export function gibibytes(bytes) {
  return bytes / 2 ** 30;
}

export function mebibytes(bytes) {
  return bytes / 2 ** 20;
}

const clockTime = new Intl.DateTimeFormat('en-GB', { timeStyle: 'medium' });

/** 14:32:15 */
export function timeOfDay(at) {
  return clockTime.format(at);
}
