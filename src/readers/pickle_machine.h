// SPDX-License-Identifier: Apache-2.0
//
// Reads a pickle (protocols 2 to 5) that consists of plain data: dicts, lists, tuples, strings,
// numbers. Invariant: nothing is ever executed or imported. An opcode that would do so (GLOBAL,
// REDUCE, BUILD ...) ends the reading with an error that names it and its byte.
//
// A snapshot has millions of small dicts of one shape. So a dict is offered to the client as soon
// as it becomes part of a list (its keys are complete then); what the client makes of it, a number
// of its own, takes its place, and the dict's memory is used again.
//
// Any bytes are fine, cut anywhere. Memory: a few words for each byte of input at most. One thread.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/result.h"
#include "model/large_array.h"
#include "readers/pickle_value.h"

namespace memwhy::readers {

class PickleMachine {
 public:
  static constexpr std::size_t kMaxString = std::size_t{1} << 20;

  using Pair = std::pair<std::uint32_t, PickleValue>;  // the id of a key, and its value

  class Client {
   public:
    virtual ~Client() = default;
    // A dict becomes part of a list. nullopt: it stays a dict.
    virtual std::optional<std::uint64_t> OnDict(std::span<const Pair> pairs) = 0;
  };

  explicit PickleMachine(Client* client);

  // The next bytes. False: no more are wanted (the end, or an error).
  bool Feed(std::string_view bytes);

  // After the last Feed: closes what is open, so that complete parts can be read. An error says
  // where and why the pickle could not be read to its end.
  Result<void> Finish();

  bool is_done() const { return is_done_; }
  std::uint64_t position() const { return position_; }  // bytes understood
  int protocol() const { return protocol_; }
  // The outermost value; kNone when there is none.
  PickleValue root() const;

  // Strings have ids; equal ones the same. FindString adds it.
  std::uint32_t FindString(std::string_view text);
  const std::string& text(PickleValue string) const { return strings_[string.bits]; }
  const std::string& key(std::uint32_t id) const { return strings_[id]; }

  std::span<const PickleValue> tuple(PickleValue value) const;
  // What a list or dict has become, if it is a record now; else `value` itself.
  PickleValue Resolve(PickleValue value) const;
  // Valid until the next Feed or Replace; empty for what is none. A list's items are packed.
  std::span<const std::uint64_t> list(PickleValue value) const;
  PickleValue Unpack(std::uint64_t packed) const {
    if ((packed & kIsBig) != 0) return big_[packed & ~kIsBig];
    return {static_cast<PickleKind>(packed >> kKindShift), packed & kBits};
  }
  std::span<const Pair> dict(PickleValue value) const;
  // The client needs no more of a list than this number: all references to it become that.
  void Replace(PickleValue list, std::uint64_t record);

 private:
  // A packed value: the kind in the upper byte, or an index into big_.
  static constexpr int kKindShift = 56;
  static constexpr std::uint64_t kBits = (std::uint64_t{1} << kKindShift) - 1;
  static constexpr std::uint64_t kIsBig = std::uint64_t{1} << 63;

  // How many bytes were used; 0: more are needed, or there is an error.
  std::size_t Step(const char* at, std::size_t left);
  void Do(unsigned char opcode, std::uint64_t argument);
  void DoContainer(unsigned char opcode);
  void Fail(std::string message);
  void Push(PickleValue value) { stack_.push_back(value); }
  void PushInt(std::int64_t value) { Push({PickleKind::kInt, static_cast<std::uint64_t>(value)}); }
  void PushLong(std::string_view digits);
  void PushString(std::string_view text);
  void PushContainer(PickleKind kind);
  void Remember(std::uint64_t index);
  void Recall(std::uint64_t index);
  void MakeTuple(std::size_t count);
  // What lies on the stack from `first` on goes into the list or dict below it.
  void AppendFrom(std::size_t first);
  void SetFrom(std::size_t first);
  std::optional<std::size_t> PopMark();
  std::uint64_t Pack(PickleValue value);
  PickleValue ForList(PickleValue value);
  void CloseOpen();

  Client* client_;
  std::string rest_;  // of the last Feed: a beginning of an opcode
  std::uint64_t position_ = 0;
  int protocol_ = 0;
  bool is_done_ = false;
  std::string error_;

  std::vector<PickleValue> stack_;
  std::vector<std::size_t> marks_;
  model::LargeArray<std::uint64_t> memo_;  // packed + 1; 0: nothing
  std::vector<PickleValue> big_;           // what has no room in a packed value
  std::uint64_t memo_next_ = 0;

  std::vector<std::string> strings_;
  std::unordered_map<std::string, std::uint32_t> string_ids_;
  std::array<std::uint32_t, 4096> recent_strings_{};
  std::vector<std::vector<PickleValue>> tuples_;
  std::unordered_map<std::string, std::uint32_t> tuple_ids_;
  std::string tuple_key_;  // of the tuple being made

  // Of each list and dict, by its id: kIsRecord and the client's number, or its index below + 1; 0:
  // empty yet.
  model::LargeArray<std::uint64_t> slots_;
  std::vector<std::vector<std::uint64_t>> lists_;
  std::vector<std::uint32_t> free_lists_;
  std::vector<std::vector<Pair>> dicts_;
  std::vector<std::uint32_t> free_dicts_;
};

}  // namespace memwhy::readers
