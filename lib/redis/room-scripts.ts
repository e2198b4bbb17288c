import { HELPERS, script } from './script.js';

/**
 * The sources of what is for some rooms or for everybody: lists of entries that are read a few at a time, in either
 * direction. KEYS: the log, what is known about it, the index of the entries for everybody, the rooms.
 */
const SOURCES = `
local log, meta, all = KEYS[1], KEYS[2], KEYS[3]
${HELPERS}local known = redis.call('HMGET', meta, 'head', 'indexed', 'plain', 'marks')
local head, plain = tonumber(known[1] or '0'), tonumber(known[3] or '0')
if not known[2] or tonumber(known[2]) ~= head then plain = head end
local oldest = redis.call('XRANGE', log, '-', '+', 'COUNT', 1)[1]
local trimmed = oldest and sequenceOf(oldest) - 1 or head
local wanted, isAsked = {}, {}
for i = 4, #KEYS do wanted[#wanted + 1] = KEYS[i] end
for i = FIRST_ROOM, #ARGV do isAsked[ARGV[i]] = true end
-- What was stored without the index is looked for among all entries.
local function isFor(entry)
  if field(entry, 'o') then return false end
  local list = field(entry, 'r')
  if not list then return field(entry, 'e') ~= nil end
  local isList, rooms = pcall(cjson.decode, list)
  if not isList or type(rooms) ~= 'table' then return false end
  for _, room in ipairs(rooms) do if isAsked[room] then return true end end
  return false
end
local function source(key, from, to)
  return { key = key, from = from, to = to, count = 1, at = 1, entries = {} }
end
-- A room that is not there may have been forgotten, with all it had up to here.
local function floor()
  local time = redis.call('TIME')
  local oldest = time[1] * 1000 + math.floor(time[2] / 1000) - ARGV[1]
  return sequenceAfter(known[4] or '', oldest) or head
end
-- Where the room's entry before the first one above a sequence is, which the room does not have any more.
local function before(first, room)
  if first then return tonumber(string.match(field(first, 'h'), '^%d+')) end
  if plain < head and redis.call('EXISTS', room) == 0 then return floor() end
  return 0
end
-- Returns the sources of what is above a sequence, and the newest entry of that which is gone.
local function sources(after)
  local list, scanned, lost = {}, plain, 0
  local function lose(sequence) if sequence > after and sequence > lost then lost = sequence end end
  local from = math.max(after, plain)
  for _, room in ipairs(wanted) do
    local own = source(room, from, head)
    local first = redis.call('XRANGE', room, id(from + 1), '+', 'COUNT', 1)[1]
    local previous = before(first, room)
    lose(math.min(previous, trimmed))
    -- The log may have it all the same: a forgotten room comes back without what it had.
    scanned = math.max(scanned, previous)
    if first then list[#list + 1] = own end
  end
  if after < scanned and trimmed < scanned then list[#list + 1] = source(log, math.max(after, trimmed), scanned) end
  list[#list + 1] = source(all, math.max(from, trimmed), head)
  if after < plain then lose(math.min(trimmed, plain)) end
  if from < trimmed then
    local gone = redis.call('XREVRANGE', all, id(trimmed), id(from + 1), 'COUNT', 1)[1]
    if gone then lose(sequenceOf(gone)) end
  end
  return list, lost
end
-- The entry that a source stands at, and its sequence beside it.
local function current(source, isBack)
  if source.entry then return source.entry end
  while source.entries do
    local entry = source.entries[source.at]
    if not entry then
      if source.from >= source.to then source.entries = nil return nil end
      local entries
      if isBack then
        entries = redis.call('XREVRANGE', source.key, id(source.to), id(source.from + 1), 'COUNT', source.count)
      else
        entries = redis.call('XRANGE', source.key, id(source.from + 1), id(source.to), 'COUNT', source.count)
      end
      if #entries == 0 then source.entries = nil return nil end
      if isBack then source.to = sequenceOf(entries[#entries]) - 1 else source.from = sequenceOf(entries[#entries]) end
      source.entries, source.at, source.count = entries, 1, math.min(2 * source.count, 32)
    elseif source.key == log and not isFor(entry) then
      source.at = source.at + 1
    else
      source.entry, source.sequence = entry, sequenceOf(entry)
      return entry
    end
  end
end
local function pass(source)
  source.entry, source.at = nil, source.at + 1
end
`;

/** The rooms begin at this argument. */
function sourcesOf(firstRoom: number): string {
  return SOURCES.replace('FIRST_ROOM', String(firstRoom));
}

/**
 * ARGV 1 to 5: for how long a room keeps its entries, the sequence that is read above, how many entries are wanted, after
 * how many bytes it is enough, and 'size' to leave the entries out; then the rooms. Returns up to where the answer
 * reaches, the newest entry that is gone, how many bytes there are, and the entries.
 */
export const READ_ROOMS = script(`${sourcesOf(6)}
local limit, most = tonumber(ARGV[3]), tonumber(ARGV[4])
local list, lost = sources(tonumber(ARGV[2]))
local entries, bytes, reached, through = {}, 0, nil, nil
while true do
  local sequence
  for _, source in ipairs(list) do
    if current(source) and (not sequence or source.sequence < sequence) then sequence = source.sequence end
  end
  if not sequence then break end
  if #entries >= limit or bytes >= most then through = reached break end
  local next, isRef = nil, true
  for _, source in ipairs(list) do
    if source.entry and source.sequence == sequence then
      if source.key ~= all then isRef = false end
      if source.key ~= all or isRef then next = source.entry end
      pass(source)
    end
  end
  reached = sequence
  if isRef then next = redis.call('XRANGE', log, next[1], next[1])[1] end
  if next then
    entries[#entries + 1] = next
    for i = 2, #next[2], 2 do bytes = bytes + #next[2][i] end
  end
end
if ARGV[5] == 'size' then entries = {} end
return { id(through or head), id(lost), bytes, entries }
`);

/**
 * ARGV 1 and 2: for how long a room keeps its entries, and how many entries are looked for ('' for all that are kept);
 * then the rooms. Returns the sequence right before them.
 */
export const LAST = script(`${sourcesOf(3)}
local list = sources(0)
if ARGV[2] == '' then
  local first = head + 1
  for _, source in ipairs(list) do
    local entry = current(source)
    if entry then first = math.min(first, sequenceOf(entry)) end
  end
  return id(first - 1)
end
local position = head
for _ = 1, tonumber(ARGV[2]) do
  local next
  for _, source in ipairs(list) do
    if current(source, true) and (not next or source.sequence > next) then next = source.sequence end
  end
  if not next then break end
  position = next - 1
  for _, source in ipairs(list) do
    if source.entry and source.sequence == next then pass(source) end
  end
end
return id(position)
`);
