// SPDX-License-Identifier: Apache-2.0
#include "readers/pickle_machine.h"

#include <fmt/core.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "readers/pickle_opcode.h"

namespace memwhy::readers {
namespace {

constexpr std::uint64_t kIsRecord = std::uint64_t{1} << 63;
constexpr std::size_t kKeptCapacity = 64;  // of a dict or list whose memory is used again

static_assert(std::endian::native == std::endian::little);

// At most eight bytes.
std::uint64_t LittleEndian(std::string_view bytes) {
  std::uint64_t value = 0;
  std::memcpy(&value, bytes.data(), bytes.size());
  return value;
}

// An argument's length is 0, 1, 2, 4 or 8.
std::uint64_t Argument(const char* at, std::size_t bytes) {
  const auto load = [at]<typename T>(T value) -> std::uint64_t {
    std::memcpy(&value, at, sizeof(value));
    return value;
  };
  switch (bytes) {
    case 1:
      return load(std::uint8_t{});
    case 2:
      return load(std::uint16_t{});
    case 4:
      return load(std::uint32_t{});
    case 8:
      return load(std::uint64_t{});
    default:
      return 0;
  }
}

}  // namespace

PickleMachine::PickleMachine(Client* client) : client_(client) {}

bool PickleMachine::Feed(std::string_view bytes) {
  if (is_done_ || !error_.empty()) return false;
  rest_.append(bytes);
  if (position_ == 0 && !rest_.empty()) {
    const auto first = static_cast<unsigned char>(rest_[0]);
    if (first != kOpProtocol) {
      Fail(fmt::format("0x{:02x} does not begin a pickle of protocol 2 to 5", first));
    }
  }
  std::size_t at = 0;
  while (at < rest_.size() && !is_done_ && error_.empty()) {
    const std::size_t used = Step(rest_.data() + at, rest_.size() - at);
    if (used == 0 || !error_.empty()) break;
    at += used;
    position_ += used;
  }
  rest_.erase(0, at);
  return !is_done_ && error_.empty();
}

std::size_t PickleMachine::Step(const char* at, std::size_t left) {
  const auto opcode = static_cast<unsigned char>(*at);
  const PickleOpcode form = kPickleOpcodes[opcode];
  const std::size_t head = std::size_t{1} + form.argument_bytes;
  if (left < head) return 0;
  if (form.kind == PickleOpcodeKind::kPlain) {
    Do(opcode, Argument(at + 1, form.argument_bytes));
    return head;
  }
  if (form.kind == PickleOpcodeKind::kRunsCode) {
    Fail(fmt::format("{} would run code, which no snapshot needs; nothing was run", form.name));
    return 0;
  }
  if (form.kind == PickleOpcodeKind::kOther) {
    Fail(fmt::format("0x{:02x} is no opcode of a snapshot's pickle (protocols 2 to 5)", opcode));
    return 0;
  }
  const std::uint64_t length = Argument(at + 1, form.argument_bytes);
  if (length > kMaxString) {
    Fail(fmt::format("{} of {} bytes: longer than any name or number of a snapshot", form.name,
                     length));
    return 0;
  }
  if (left - head < length) return 0;
  if (form.kind == PickleOpcodeKind::kLong) {
    PushLong({at + head, length});
  } else {
    PushString({at + head, length});
  }
  return head + length;
}

void PickleMachine::Do(unsigned char opcode, std::uint64_t argument) {
  switch (opcode) {
    case kOpProtocol:
      protocol_ = static_cast<int>(argument);
      if (protocol_ < 2 || protocol_ > 5) Fail(fmt::format("pickle protocol {}", protocol_));
      return;
    case kOpFrame:
      return;
    case kOpStop:
      is_done_ = true;
      return;
    case kOpMark:
      return marks_.push_back(stack_.size());
    case kOpMemoize:
      return Remember(memo_next_);
    case kOpBinPut:
    case kOpLongBinPut:
      return Remember(argument);
    case kOpBinGet:
    case kOpLongBinGet:
      return Recall(argument);
    case kOpNone:
      return Push({});
    case kOpTrue:
    case kOpFalse:
      return Push({PickleKind::kBool, opcode == kOpTrue ? 1u : 0u});
    case kOpInt1:
    case kOpInt2:
      return PushInt(static_cast<std::int64_t>(argument));
    case kOpInt4:
      return PushInt(static_cast<std::int32_t>(argument));
    case kOpFloat:
      return Push({PickleKind::kFloat, __builtin_bswap64(argument)});
    default:
      return DoContainer(opcode);
  }
}

void PickleMachine::DoContainer(unsigned char opcode) {
  std::optional<std::size_t> mark;
  switch (opcode) {
    case kOpEmptyDict:
      return PushContainer(PickleKind::kDict);
    case kOpEmptyList:
      return PushContainer(PickleKind::kList);
    case kOpEmptyTuple:
      return MakeTuple(0);
    case kOpTuple1:
    case kOpTuple2:
    case kOpTuple3:
      return MakeTuple(opcode - kOpTuple1 + 1u);
    case kOpAppend:
    case kOpSetItem: {
      const std::size_t count = opcode == kOpAppend ? 1 : 2;
      const std::size_t floor = marks_.empty() ? 0 : marks_.back();
      if (stack_.size() < floor + count + 1) return Fail("the stack holds too few values");
      const std::size_t first = stack_.size() - count;
      return opcode == kOpAppend ? AppendFrom(first) : SetFrom(first);
    }
    case kOpPop:
      if (stack_.size() <= (marks_.empty() ? 0 : marks_.back())) return Fail("nothing to drop");
      return stack_.pop_back();
    default:
      break;
  }
  mark = PopMark();
  if (!mark) return;
  switch (opcode) {
    case kOpAppends:
      return AppendFrom(*mark);
    case kOpSetItems:
      return SetFrom(*mark);
    case kOpTuple:
      return MakeTuple(stack_.size() - *mark);
    case kOpPopMark:
      return stack_.resize(*mark);
    default: {  // LIST, DICT: a new one of what lies above the mark
      const bool is_list = opcode == kOpList;
      PushContainer(is_list ? PickleKind::kList : PickleKind::kDict);
      std::rotate(stack_.begin() + static_cast<std::ptrdiff_t>(*mark), stack_.end() - 1,
                  stack_.end());
      return is_list ? AppendFrom(*mark + 1) : SetFrom(*mark + 1);
    }
  }
}

void PickleMachine::Fail(std::string message) {
  if (error_.empty()) error_ = fmt::format("byte {}: {}", position_, message);
}

void PickleMachine::PushLong(std::string_view digits) {
  if (digits.size() > 9 || (digits.size() == 9 && digits[8] != 0)) {
    return Fail(fmt::format("a number of {} bytes", digits.size()));
  }
  std::uint64_t value = LittleEndian(digits.substr(0, 8));
  if (digits.size() == 9 && static_cast<std::int64_t>(value) < 0) {
    return Push({PickleKind::kUnsigned, value});
  }
  if (!digits.empty() && digits.size() < 8) {  // the sign goes up
    const int shift = static_cast<int>(64 - 8 * digits.size());
    value = static_cast<std::uint64_t>(static_cast<std::int64_t>(value << shift) >> shift);
  }
  Push({PickleKind::kInt, value});
}

std::uint32_t PickleMachine::FindString(std::string_view text) {
  const std::size_t hash = std::hash<std::string_view>{}(text);
  std::uint32_t& recent = recent_strings_[hash % recent_strings_.size()];
  if (recent < strings_.size() && strings_[recent] == text) return recent;
  const auto [it, is_new] =
      string_ids_.try_emplace(std::string(text), static_cast<std::uint32_t>(strings_.size()));
  if (is_new) strings_.emplace_back(text);
  return recent = it->second;
}

void PickleMachine::PushString(std::string_view text) {
  Push({PickleKind::kString, FindString(text)});
}

void PickleMachine::PushContainer(PickleKind kind) {
  slots_.push_back(0);
  Push({kind, slots_.size() - 1});
}

std::uint64_t PickleMachine::Pack(PickleValue value) {
  const auto kind = static_cast<std::uint64_t>(value.kind) << kKindShift;
  if (value.bits <= kBits) return kind | value.bits;
  big_.push_back(value);
  return kIsBig | (big_.size() - 1);
}

void PickleMachine::Remember(std::uint64_t index) {
  if (stack_.empty()) return Fail("nothing to remember");
  // A writer counts up from 0, so no index is beyond the bytes that it has written.
  if (index > position_) return Fail(fmt::format("value {} is remembered too early", index));
  const std::uint64_t packed = Pack(stack_.back()) + 1;
  if (index == memo_.size()) {
    memo_.push_back(packed);
  } else {
    if (index > memo_.size()) memo_.resize(index + 1);
    memo_[index] = packed;
  }
  memo_next_ = std::max(memo_next_, index + 1);
}

void PickleMachine::Recall(std::uint64_t index) {
  if (index >= memo_.size() || memo_[index] == 0) {
    return Fail(fmt::format("value {} was never remembered", index));
  }
  Push(Unpack(memo_[index] - 1));
}

void PickleMachine::MakeTuple(std::size_t count) {
  const std::size_t floor = marks_.empty() ? 0 : marks_.back();
  if (stack_.size() < floor + count) return Fail("the stack holds too few values");
  const auto first = stack_.end() - static_cast<std::ptrdiff_t>(count);
  tuple_key_.clear();
  for (auto it = first; it != stack_.end(); ++it) {
    tuple_key_.push_back(static_cast<char>(it->kind));
    tuple_key_.append(reinterpret_cast<const char*>(&it->bits), sizeof(it->bits));
  }
  auto found = tuple_ids_.find(tuple_key_);
  if (found == tuple_ids_.end()) {
    found = tuple_ids_.emplace(tuple_key_, static_cast<std::uint32_t>(tuples_.size())).first;
    tuples_.emplace_back(first, stack_.end());
  }
  stack_.erase(first, stack_.end());
  Push({PickleKind::kTuple, found->second});
}

std::optional<std::size_t> PickleMachine::PopMark() {
  if (marks_.empty()) {
    Fail("no mark is on the stack");
    return std::nullopt;
  }
  const std::size_t mark = marks_.back();
  marks_.pop_back();
  return mark;
}

PickleValue PickleMachine::ForList(PickleValue value) {
  if (value.kind != PickleKind::kDict) return value;
  std::uint64_t& slot = slots_[value.bits];
  if ((slot & kIsRecord) != 0 || slot == 0) return value;
  const auto index = static_cast<std::uint32_t>(slot - 1);
  const auto record = client_->OnDict(dicts_[index]);
  if (!record) return value;
  slots_[value.bits] = kIsRecord | *record;
  dicts_[index].clear();
  free_dicts_.push_back(index);
  return {PickleKind::kRecord, *record};
}

void PickleMachine::AppendFrom(std::size_t first) {
  if (first == 0 || stack_[first - 1].kind != PickleKind::kList) return Fail("no list to add to");
  const std::uint64_t id = stack_[first - 1].bits;
  if ((slots_[id] & kIsRecord) != 0) return Fail("a list changes after its end");
  if (first == stack_.size()) return;
  if (slots_[id] == 0) {
    if (free_lists_.empty()) {
      free_lists_.push_back(static_cast<std::uint32_t>(lists_.size()));
      lists_.emplace_back();
    }
    slots_[id] = free_lists_.back() + std::uint64_t{1};
    free_lists_.pop_back();
  }
  const std::size_t index = slots_[id] - 1;
  for (std::size_t i = first; i < stack_.size(); ++i) {
    const PickleValue value = ForList(stack_[i]);
    lists_[index].push_back(Pack(value));
  }
  stack_.resize(first);
}

void PickleMachine::SetFrom(std::size_t first) {
  if (first == 0 || stack_[first - 1].kind != PickleKind::kDict) return Fail("no dict to add to");
  if ((stack_.size() - first) % 2 != 0) return Fail("a key without a value");
  const std::uint64_t id = stack_[first - 1].bits;
  if ((slots_[id] & kIsRecord) != 0) return Fail("a dict changes after its end");
  if (first == stack_.size()) return;
  if (slots_[id] == 0) {
    if (free_dicts_.empty()) {
      free_dicts_.push_back(static_cast<std::uint32_t>(dicts_.size()));
      dicts_.emplace_back();
    }
    slots_[id] = free_dicts_.back() + std::uint64_t{1};
    free_dicts_.pop_back();
  }
  std::vector<Pair>& pairs = dicts_[slots_[id] - 1];
  for (std::size_t i = first; i < stack_.size(); i += 2) {
    if (stack_[i].kind != PickleKind::kString) return Fail("a key that is no text");
    pairs.emplace_back(static_cast<std::uint32_t>(stack_[i].bits), stack_[i + 1]);
  }
  stack_.resize(first);
}

void PickleMachine::Replace(PickleValue list, std::uint64_t record) {
  if (list.kind != PickleKind::kList) return;
  std::uint64_t& slot = slots_[list.bits];
  if ((slot & kIsRecord) != 0) return;
  if (slot != 0) {
    std::vector<std::uint64_t>& items = lists_[slot - 1];
    items.clear();
    if (items.capacity() > kKeptCapacity) std::vector<std::uint64_t>().swap(items);
    free_lists_.push_back(static_cast<std::uint32_t>(slot - 1));
  }
  slot = kIsRecord | record;
}

PickleValue PickleMachine::Resolve(PickleValue value) const {
  if (value.kind != PickleKind::kList && value.kind != PickleKind::kDict) return value;
  const std::uint64_t slot = slots_[value.bits];
  if ((slot & kIsRecord) == 0) return value;
  return {PickleKind::kRecord, slot & ~kIsRecord};
}

std::span<const PickleValue> PickleMachine::tuple(PickleValue value) const {
  if (value.kind != PickleKind::kTuple) return {};
  return tuples_[value.bits];
}

std::span<const std::uint64_t> PickleMachine::list(PickleValue value) const {
  if (value.kind != PickleKind::kList) return {};
  const std::uint64_t slot = slots_[value.bits];
  if (slot == 0 || (slot & kIsRecord) != 0) return {};
  return lists_[slot - 1];
}

std::span<const PickleMachine::Pair> PickleMachine::dict(PickleValue value) const {
  if (value.kind != PickleKind::kDict) return {};
  const std::uint64_t slot = slots_[value.bits];
  if (slot == 0 || (slot & kIsRecord) != 0) return {};
  return dicts_[slot - 1];
}

// Gives what is complete to the containers that were open when the bytes ended. A dict of which
// not all keys are known is dropped, unless it is the outermost.
void PickleMachine::CloseOpen() {
  while (stack_.size() > 1) {
    const std::size_t mark = marks_.empty() ? 0 : marks_.back();
    std::size_t first = stack_.size() - 1;
    const bool is_at_mark = !marks_.empty();
    if (is_at_mark) {
      first = mark;
      marks_.pop_back();
    }
    if (first == 0) return;
    const PickleValue owner = stack_[first - 1];
    if (owner.kind == PickleKind::kList && Resolve(owner) == owner) {
      AppendFrom(first);
    } else if (owner.kind == PickleKind::kDict && Resolve(owner) == owner) {
      if ((stack_.size() - first) % 2 != 0) stack_.pop_back();
      if (first == 1 || !is_at_mark) {
        SetFrom(first);
      } else {
        stack_.resize(first - 1);
      }
    }
    if (stack_.size() > first) stack_.resize(first);
  }
}

Result<void> PickleMachine::Finish() {
  if (is_done_ && error_.empty()) {
    if (stack_.empty() || !marks_.empty()) Fail("the end comes before the outermost value");
  } else if (error_.empty()) {
    Fail(position_ == 0 && rest_.empty() ? "the file is empty" : "the file ends here");
  }
  if (error_.empty()) return {};
  const std::string error = error_;
  error_.clear();
  CloseOpen();
  error_ = error;
  return Error(error);
}

PickleValue PickleMachine::root() const { return stack_.empty() ? PickleValue{} : stack_[0]; }

}  // namespace memwhy::readers
