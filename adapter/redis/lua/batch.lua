-- Batches of nodes. Of each node that appends the head keeps its last batch and what that was answered, so that a node whose answer was
-- lost can send a batch again: the node's name, which has 16 bytes, the batch's number and the time, packed, the answer's length,
-- and the answer. A node that was silent for an hour is forgotten.
-- An answer is the head after the batch (hot), and exceptions. A draft without one was stored, as the next entry.

-- made is the answer if the batch was made before, 'late' if a later one of the node was, or nil.
local function made(node, number)
  local at = records ~= '' and string.find(records, node, 1, true)
  if at then
    local was = sub(records, at + 16, at + 23)
    if was == number then
      local length = unpacked('>H', records, at + 32)
      return sub(records, at + 34, at + 33 + length)
    elseif was > number then
      return 'late'
    end
  end
end

-- headed is the head with a batch that was made.
local function headed(node, number, answer)
  local others, at = records, records ~= '' and string.find(records, node, 1, true)
  if at then
    local length = unpacked('>H', records, at + 32)
    others = #records == 33 + length + at and at == 1 and '' or sub(records, 1, at - 1) .. sub(records, at + 34 + length)
  end
  if others ~= '' and sub(number, 8) == '\0' then
    local kept, from = '', 1
    while from <= #others do
      local was, length = unpacked('>dH', others, from + 24)
      if was >= now - 3600000000 then
        kept = kept .. sub(others, from, from + 33 + length)
      end
      from = from + 34 + length
    end
    others = kept
  end
  return hot() .. rare() .. node .. number .. pack('>dH', now, #answer) .. answer .. others
end

-- exception says of a draft, counted from 0: 1 a duplicate of an entry, 2 it replies to nothing, 3 it changes nothing that is there,
-- 4 its message has changed meanwhile, 5 stored as a reply to another message than it named, 6 its author joined by it; and of
-- the batch: 7 lists in other slots are to say something.
local function exception(draft, status, value) return pack('>HBd', draft, status, value) end
