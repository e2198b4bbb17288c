import { PROLOGUE, script } from './script.js';

/**
 * Stores what is for one room, or for everybody, beside the log. A room's copy of an entry has one field h for what Redis
 * looks at itself, which is then quick to read: the sequence of the room's entry before it, the time, the epoch and the
 * tag. A reader that finds another entry before it knows what the room has dropped.
 */
const INDEX = `
local all, most, age = KEYS[4], tonumber(ARGV[8]), tonumber(ARGV[9])
local index = redis.call('HMGET', meta, 'indexed', 'plain', 'marks')
local plain, marks = tonumber(index[2]), index[3] or ''
-- Without rooms, all is for everybody: the log itself is the index, until the first event for a room.
local isIndexed = most > 0 and (index[1] or #KEYS > 4)
-- Somebody has stored entries without the index, such as an older version of this package.
if not plain or tonumber(index[1]) ~= head then plain = head end
-- The rooms that nothing was sent to since the first mark that is younger than a room's age may be forgotten.
local function floor() return sequenceAfter(marks, now - age) or head end
local isMarked = now - tonumber(string.match(marks, '(%d+) %d+ $') or '0') >= age / 8
if isMarked then
  marks = marks .. string.format('%.0f ', now) .. id(head):sub(1, -3) .. ' '
  local _, count = string.gsub(marks, '%d+ %d+ ', '')
  if count > 10 then marks = string.gsub(marks, '^%d+ %d+ ', '') end
end
-- What is left of a log that is gone may be ahead of this one.
local function put(key, ...)
  local added = redis.pcall('XADD', key, ...)
  if type(added) ~= 'table' or not added.err then return end
  redis.call('EXPIRE', key, 0)
  redis.call('XADD', key, ...)
end
-- Of a copy in a room.
local function timeOf(entry) return tonumber(string.match(entry[2][2], '^%d+ (%d+)')) end
local trimmed
local function isOver(entry, isBeyond)
  if sequenceOf(entry) > trimmed then return false end
  return isBeyond or timeOf(entry) < now - age
end
local function trimRoom(room)
  local length, count, left = redis.call('XLEN', room), 1, 1000
  -- What is too old in a small room can wait until the next mark.
  while left > 0 and (length > most or isMarked) do
    local over = 0
    local entries = redis.call('XRANGE', room, '-', '+', 'COUNT', count)
    for i, entry in ipairs(entries) do
      if not isOver(entry, length - i >= most) then left = 0 break end
      over = i
    end
    if over == 0 then return end
    length = length - over
    redis.pcall('XTRIM', room, 'MAXLEN', length)
    left, count = left - count, math.min(2 * count, 64)
  end
end
-- The newest entry of each room that is written to: one that was not there may have been forgotten.
local newestIn, isFresh = {}, {}
local function keep(room, place, entry)
  if not newestIn[room] then
    local last = redis.call('XREVRANGE', room, '+', '-', 'COUNT', 1)[1]
    newestIn[room] = last and last[1]:sub(1, -3) or id(floor()):sub(1, -3)
    -- It lives for an eighth longer, so that not every event need say so.
    isFresh[room] = last and now - timeOf(last) < age / 8
  end
  put(room, place, 'h', table.concat({ newestIn[room], entry[6], entry[2], entry[4] }, ' '), unpack(entry, 7))
  newestIn[room] = place:sub(1, -3)
end
`;

/**
 * KEYS 3 and 4: what is known about the last write of this writer, and the index of the entries for everybody (a stream
 * with nothing but ids). KEYS 5 and so on: the rooms of each record in turn (streams with copies of their entries).
 * ARGV 8 and 9: how many entries a room keeps, and for how long, in ms. ARGV 10 and 11: the write's number and tag; then
 * of each record its fields, the names of its other parts with the number of different rooms behind them ('rk2'), and
 * these parts: r, its rooms; k, its key; x, the client that it is not for; o, where it is ephemeral.
 * Returns the epoch and the sequence of the first record; nothing where a later write of this writer
 * is stored already.
 */
export const APPEND = script(`${PROLOGUE}
local last = redis.call('HMGET', KEYS[3], 'number', 'epoch', 'first')
local number = tonumber(ARGV[10])
if last[1] and number <= tonumber(last[1]) then
  if number < tonumber(last[1]) then return {} end
  return { last[2], last[3] }
end
${INDEX}
local first
local function add(entry)
  head = head + 1
  local place = id(head)
  local added = redis.pcall('XADD', log, place, unpack(entry))
  if type(added) == 'table' and added.err then
    -- Somebody else has added an entry: the next one comes behind it.
    local last = first == nil and redis.call('EXISTS', log) == 1 and newest() or 0
    if last + #ARGV >= LAST then clear() elseif last >= head then head = last else head = head - 1 end
    head = head + 1
    place, entry[2] = id(head), epoch
    redis.call('XADD', log, place, unpack(entry))
  end
  first = first or place
  return place
end
-- What the names of a record's parts say: most records have the same.
local read = {}
local function partsOf(names)
  local parts = { isKept = not string.find(names, 'o'), isForAll = not string.find(names, 'r') }
  for name in string.gmatch(names, '%a') do parts[#parts + 1] = name end
  parts.rooms = tonumber(string.match(names, '%d+') or '0')
  read[names] = parts
  return parts
end
local added, stamp = {}, string.format('%.0f', now)
local at = 12
while at <= #ARGV do
  local entry, names = { 'e', epoch, 'w', ARGV[11], 't', stamp, 'd', ARGV[at] }, ARGV[at + 1]
  local parts = read[names] or partsOf(names)
  at = at + 2
  for _, name in ipairs(parts) do
    entry[#entry + 1], entry[#entry + 2] = name, ARGV[at]
    at = at + 1
  end
  added[#added + 1] = { entry, add(entry), parts }
end
redis.call('HSET', KEYS[3], 'number', ARGV[10], 'epoch', epoch, 'first', first)
redis.call('EXPIRE', KEYS[3], 86400)
trim()
local sequence = id(head):sub(1, -3)
if not isIndexed then
  redis.call('HSET', meta, 'head', sequence)
  return { epoch, first }
end
local oldest = redis.call('XRANGE', log, '-', '+', 'COUNT', 1)[1]
trimmed = oldest and sequenceOf(oldest) - 1 or head
local key, isForAll = 5, false
for _, record in ipairs(added) do
  local entry, place, parts = unpack(record)
  if parts.isKept and parts.isForAll then
    put(all, place, '', '')
    isForAll = true
  end
  for room = key, key + parts.rooms - 1 do
    if parts.isKept then keep(KEYS[room], place, entry) end
  end
  key = key + parts.rooms
end
for room in pairs(newestIn) do
  trimRoom(room)
  if not isFresh[room] then redis.call('EXPIRE', room, math.ceil(age / 8000 * 9)) end
end
-- One more than there are entries: a reader sees that something is gone.
if isForAll and ARGV[6] ~= '' then redis.pcall('XTRIM', all, 'MAXLEN', ARGV[6] + 1) end
redis.call(
  'HSET', meta, 'head', sequence, 'indexed', sequence, 'plain', id(plain):sub(1, -3), 'marks', marks
)
return { epoch, first }
`);
