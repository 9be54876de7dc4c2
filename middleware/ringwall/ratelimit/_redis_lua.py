"""The one script of the Redis store, as the server runs it."""

from __future__ import annotations

import hashlib

# Many requests in one call, each all or nothing. A key holds a hash: one field for each limit.
#
# ARGV, for each request: what to do (a acquire, p peek, f debit, r refund, d delete), how many
# checks, and for each check: field, kind, interval and burst (GCRA) or window and quota, cost,
# receipt. KEYS: one for each check. The answer is one string: the time, then for each request its
# status (0 denied, 1 done, 2 a key that is none of ours) and two numbers for each check: the state
# before.
#
# Lua's numbers are doubles: everything stays below 2^53, and products are compared in two limbs.
# A state that makes no sense, or lies in a future that a clock set back left behind, counts as a
# full one: it denies, and is written anew, so that it heals within a window.
# The first write fails or none does (OOM, READONLY, MISCONF): such an error charged nobody.
SCRIPT = b"""
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local floor, format = math.floor, string.format

local function product(x, y)
  local low = x * (y % 4194304)
  return x * floor(y / 4194304) + floor(low / 4194304), low % 4194304
end

-- The state now, the last window's count, and whether it must be written in any case.
local function at(kind, raw, a, b)
  if kind == '1' then
    local tat = tonumber(raw or 0)
    if tat and tat <= now then return now, 0, false end
    if tat and tat <= now + b then return tat, 0, false end
    return now + b, 0, true
  end
  if not raw then return 0, 0, false end
  local index, last, count = string.match(raw, '^(%d+):(%d+):(%d+)$')
  index, last, count = tonumber(index), tonumber(last), tonumber(count)
  if not index or last > 1e9 or count > 1e9 then return b, 0, true end
  local current = floor(now / a)
  if index < current then
    last = index == current - 1 and count or 0
    count = 0
  end
  return count, kind == '3' and last or 0, index > current
end

local function charge(r, cost)
  if r.kind == '1' then
    local tat = r.state + cost * r.a
    if tat - now > r.b then return false end
    r.state = tat
    return true
  end
  local room = r.b - r.state - cost
  if room < 0 then return false end
  if r.last > room then
    local high, low = product(r.last, r.a - now % r.a)
    local most, rest = product(room, r.a)
    if high > most or (high == most and low > rest) then return false end
  end
  r.state = r.state + cost
  return true
end

-- A charge that must be paid: at most everything that is left.
local function debit(r, cost)
  if r.kind == '1' then
    r.state = math.min(r.state + cost * r.a, now + r.b)
  else
    r.state = r.state + math.min(cost, math.max(0, r.b - r.state))
  end
end

local function refund(r, cost, receipt)
  if not r.raw then return end
  if r.kind == '1' then
    r.state = r.state - math.min(cost * r.a, math.max(0, receipt - now))
    return
  end
  local age = floor(now / r.a) - receipt
  if age == 0 then
    r.state = r.state - math.min(cost, r.state)
  elseif age == 1 then
    r.last = r.last - math.min(cost, r.last)
  end
end

-- Never shorter than another limit in the same hash needs; set also where it was lost. A quarter
-- longer than needed, so that it need not be set each time.
local function live(key, spent)
  local life = floor((spent - now) / 1000) + 2
  if redis.call('PTTL', key) < life then
    redis.call('PEXPIRE', key, floor(life * 1.25))
  end
end

local function write(key, records)
  local args, last = {}, 0
  for _, r in ipairs(records) do
    if r.healed or r.state ~= r.before or r.last ~= r.last_before then
      local value, spent
      if r.kind == '1' then
        value, spent = format('%.0f', r.state), r.state
      else
        local index = floor(now / r.a)
        value = format('%.0f:%.0f:%.0f', index, r.last, r.state)
        spent = (index + (r.kind == '3' and 2 or 1)) * r.a
      end
      args[#args + 1] = r.field
      args[#args + 1] = value
      last = math.max(last, spent)
    end
  end
  if args[1] then
    redis.call('HSET', key, unpack(args))
    live(key, last)
  end
end

local out = {format('%.0f', now)}
local k, a = 0, 1

-- The commonest request, one GCRA limit, without tables. False: it needs the long way.
local function single(key)
  if ARGV[a] ~= 'a' or ARGV[a + 1] ~= '1' or ARGV[a + 3] ~= '1' then return false end
  local raw = redis.pcall('HGET', key, ARGV[a + 2])
  if type(raw) == 'table' then return false end
  local burst = tonumber(ARGV[a + 5])
  local state, _, healed = at('1', raw, 0, burst)
  local tat, status = state + ARGV[a + 6] * ARGV[a + 4], 1
  if tat - now > burst then tat, status = state, 0 end
  if healed or tat ~= state then
    redis.call('HSET', key, ARGV[a + 2], format('%.0f', tat))
    live(key, tat)
  end
  local o = #out
  out[o + 1], out[o + 2], out[o + 3] = status, format('%.0f', state), 0
  k, a = k + 1, a + 8
  return true
end

local function any(what, n)
  a = a + 2
  local list, runs, status = {}, {}, 1
  local i = 1
  while i <= n do
    local key, fields, new = KEYS[k + i], {}, {}
    repeat
      local field = ARGV[a + (i - 1) * 6]
      local r
      for j = 1, i - 1 do
        if list[j].field == field and KEYS[k + j] == key then r = list[j] end
      end
      if not r then
        local p = a + (i - 1) * 6
        r = {field = field, kind = ARGV[p + 1], a = tonumber(ARGV[p + 2]),
             b = tonumber(ARGV[p + 3]), state = 0, last = 0, before = 0, last_before = 0,
             raw = false, healed = false}
        fields[#fields + 1] = field
        new[#new + 1] = r
      end
      list[i] = r
      i = i + 1
    until i > n or KEYS[k + i] ~= key
    if what == 'd' then
      if fields[1] then redis.call('HDEL', key, unpack(fields)) end
    elseif new[1] then
      local raws = redis.pcall('HMGET', key, unpack(fields))
      if raws.err then
        -- Nothing of ours: it denies until it lapses, and lapse it shall.
        status = 2
        if redis.call('PTTL', key) < 0 then redis.call('PEXPIRE', key, 60000) end
        raws = {}
      end
      for j, r in ipairs(new) do
        r.raw = raws[j]
        r.state, r.last, r.healed = at(r.kind, raws[j], r.a, r.b)
        r.before, r.last_before = r.state, r.last
      end
      runs[#runs + 1] = {key, new}
    end
  end
  if status == 1 and what ~= 'd' then
    for j = 1, n do
      local p = a + (j - 1) * 6
      local cost = tonumber(ARGV[p + 4])
      if what == 'r' then
        refund(list[j], cost, tonumber(ARGV[p + 5]))
      elseif what == 'f' then
        debit(list[j], cost)
      elseif not charge(list[j], cost) then
        status = 0
      end
    end
    for j = 1, status == 0 and n or 0 do
      list[j].state, list[j].last = list[j].before, list[j].last_before
    end
    if what ~= 'p' then
      for _, run in ipairs(runs) do write(run[1], run[2]) end
    end
  end
  out[#out + 1] = status
  for j = 1, n do
    local r = list[j]
    out[#out + 1] = format('%.0f', r.before)
    out[#out + 1] = r.last_before == 0 and '0' or format('%.0f', r.last_before)
  end
  k = k + n
  a = a + n * 6
end

while ARGV[a] do
  if not single(KEYS[k + 1]) then any(ARGV[a], tonumber(ARGV[a + 1])) end
end
return table.concat(out, ' ')
"""

SHA = hashlib.sha1(SCRIPT, usedforsecurity=False).hexdigest().encode()
