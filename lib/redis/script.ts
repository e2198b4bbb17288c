import { createHash } from 'node:crypto';

/** What all scripts read entries with. The marks say which sequence was the newest at what time. */
export const HELPERS = `
local function id(sequence) return string.format('%.0f-0', sequence) end
local function sequenceOf(entry) return tonumber(string.match(entry[1], '^%d+')) end
local function field(entry, name)
  for i = 1, #entry[2], 2 do if entry[2][i] == name then return entry[2][i + 1] end end
end
local function sequenceAfter(marks, time)
  for mark, sequence in string.gmatch(marks, '(%d+) (%d+)') do
    if tonumber(mark) > time then return tonumber(sequence) end
  end
end
`;

/**
 * Runs before everything else, as part of the same script: checks that the log is still the one that
 * the caller knows, resets the log where it is not, and defines how to trim. A server that refuses
 * writes for now is read from all the same: trimming can wait.
 *
 * KEYS: the log (a stream with the ids `<sequence>-0`), and what is known about it (a hash).
 * ARGV 1 to 7: the epoch, the sequence and the tag of an entry that the caller knows ('' where it
 * knows none), the epochs that are over, with blanks between them, an epoch for a reset, how many
 * entries to keep, and for how long, in ms ('' for ever).
 */
export const PROLOGUE = `
local log, meta = KEYS[1], KEYS[2]
local LAST = 9007199254740991
${HELPERS}local function newest()
  local info = redis.call('XINFO', 'STREAM', log)
  for i = 1, #info, 2 do
    if info[i] == 'last-generated-id' then return tonumber(string.match(info[i + 1], '^%d+')) end
  end
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local known = redis.call('HMGET', meta, 'epoch', 'head', 'start')
local epoch, head, start = known[1], tonumber(known[2] or '0'), tonumber(known[3] or '0')
local lost = not epoch
if lost and redis.call('EXISTS', log) == 1 then head = newest() end
if epoch and string.find(' ' .. ARGV[4] .. ' ', ' ' .. epoch .. ' ', 1, true) then lost = true end
if epoch and epoch == ARGV[1] then
  local sequence = tonumber(ARGV[2])
  lost = head < sequence
  if not lost and ARGV[3] ~= '' then
    local there = redis.call('XRANGE', log, id(sequence), id(sequence))[1]
    lost = there ~= nil and field(there, 'w') ~= ARGV[3]
  end
end
local function reset()
  epoch, start = ARGV[5], head
  redis.call('HSET', meta, 'epoch', epoch, 'head', id(head):sub(1, -3), 'start', id(start):sub(1, -3))
end
-- Behind an entry of somebody else with the highest id, there is no room for others.
local function clear()
  -- (Deletes it. Users have the right to EXPIRE, and not to DEL.)
  redis.call('EXPIRE', log, 0)
  head = tonumber(known[2] or '0')
  reset()
end
if #redis.call('XRANGE', log, id(LAST), '+', 'COUNT', 1) > 0 then clear() elseif lost then reset() end

local function trim()
  if ARGV[6] ~= '' and redis.call('XLEN', log) > tonumber(ARGV[6]) then
    redis.pcall('XTRIM', log, 'MAXLEN', ARGV[6])
  end
  if ARGV[7] == '' then return end
  local oldest = now - ARGV[7]
  local count, left = 1, 1000
  while left > 0 do
    local entries = redis.call('XRANGE', log, '-', '+', 'COUNT', count)
    local last
    for _, entry in ipairs(entries) do
      if tonumber(field(entry, 't')) < oldest then last = sequenceOf(entry) else left = 0 end
    end
    if last == nil then return end
    redis.pcall('XTRIM', log, 'MINID', id(last + 1))
    if #entries < count then return end
    left, count = left - count, math.min(2 * count, 64)
  end
end
`;

/** Returns the epoch, its start, the sequence before the oldest retained entry, and the head. */
export const SYNC = script(`${PROLOGUE}
trim()
local oldest = redis.call('XRANGE', log, '-', '+', 'COUNT', 1)[1]
local trimmed = head
if oldest then trimmed = sequenceOf(oldest) - 1 end
return { epoch, id(start), id(trimmed), id(head) }
`);

/** Returns how many bytes the values of the entries from ARGV 1 on have, of ARGV 2 entries at most. */
export const SIZE = script(`
local bytes = 0
for _, entry in ipairs(redis.call('XRANGE', KEYS[1], ARGV[1], '+', 'COUNT', ARGV[2])) do
  for i = 2, #entry[2], 2 do bytes = bytes + #entry[2][i] end
end
return bytes
`);

export interface Script {
  readonly text: string;
  readonly sha: string;
}

/** A script, as Redis is asked for it by its digest. */
export function script(text: string): Script {
  return { text, sha: createHash('sha1').update(text).digest('hex') };
}
