import { createHash } from 'node:crypto';

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
const PROLOGUE = `
local log, meta = KEYS[1], KEYS[2]
local LAST = 9007199254740991
local function id(sequence) return string.format('%.0f-0', sequence) end
local function sequenceOf(entry) return tonumber(string.match(entry[1], '^%d+')) end
local function field(entry, name)
  for i = 1, #entry[2], 2 do if entry[2][i] == name then return entry[2][i + 1] end end
end
local function newest()
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

/**
 * KEYS 3: what is known about the last write of this writer. ARGV 8 and 9: the write's number and
 * tag; then the fields, the rooms and the key of each record ('' where there are none).
 * Returns the epoch and the sequence of the first record; nothing where a later write of this writer
 * is stored already.
 */
export const APPEND = script(`${PROLOGUE}
local last = redis.call('HMGET', KEYS[3], 'number', 'epoch', 'first')
local number = tonumber(ARGV[8])
if last[1] and number <= tonumber(last[1]) then
  if number < tonumber(last[1]) then return {} end
  return { last[2], last[3] }
end
local first
local function add(entry)
  head = head + 1
  local added = redis.pcall('XADD', log, id(head), unpack(entry))
  if type(added) == 'table' and added.err then
    -- Somebody else has added an entry: the next one comes behind it.
    local last = first == nil and redis.call('EXISTS', log) == 1 and newest() or 0
    if last + #ARGV >= LAST then clear() elseif last >= head then head = last else head = head - 1 end
    head = head + 1
    entry[2] = epoch
    redis.call('XADD', log, id(head), unpack(entry))
  end
  first = first or id(head)
end
for i = 10, #ARGV, 3 do
  local entry = { 'e', epoch, 'w', ARGV[9], 't', string.format('%.0f', now), 'd', ARGV[i] }
  if ARGV[i + 1] ~= '' then entry[9], entry[10] = 'r', ARGV[i + 1] end
  if ARGV[i + 2] ~= '' then entry[#entry + 1] = 'k'; entry[#entry + 1] = ARGV[i + 2] end
  add(entry)
end
redis.call('HSET', meta, 'head', id(head):sub(1, -3))
redis.call('HSET', KEYS[3], 'number', ARGV[8], 'epoch', epoch, 'first', first)
redis.call('EXPIRE', KEYS[3], 86400)
trim()
return { epoch, first }
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

function script(text: string): Script {
  return { text, sha: createHash('sha1').update(text).digest('hex') };
}
