// SPDX-License-Identifier: Apache-2.0
#include "readers/gc_message.h"

#include <algorithm>
#include <charconv>

#include "base/strings.h"
#include "readers/ascii.h"

namespace memwhy::readers {
namespace {

using State = GcMatch::State;

bool IsHexDigit(char c) { return IsDigit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

// Walks along the text; once a step has failed, `state` says how and the others do nothing.
class Cursor {
 public:
  explicit Cursor(std::string_view text) : text_(text) {}

  bool is_fine() const { return state_ == State::kComplete; }
  std::size_t at() const { return at_; }
  std::string_view rest() const { return text_.substr(at_); }
  GcMatch Match() const { return {state_, at_}; }

  void Fail(State state) {
    if (is_fine()) state_ = state;
  }
  void Skip(std::size_t count) { at_ += count; }

  bool Literal(std::string_view wanted) {
    if (!is_fine()) return false;
    const std::string_view left = rest();
    const std::size_t count = std::min(wanted.size(), left.size());
    const auto [end, unused] = std::mismatch(left.begin(), left.begin() + count, wanted.begin());
    const auto same = static_cast<std::size_t>(end - left.begin());
    at_ += same;
    if (same == wanted.size()) return true;
    state_ = same == left.size() ? State::kCut : State::kNone;
    return false;
  }

  // True with the whole literal; nothing happens when the text begins otherwise.
  bool Optional(std::string_view wanted) {
    return is_fine() && StartsWith(rest(), wanted.substr(0, 1)) && Literal(wanted);
  }

  bool Number(std::uint64_t* value) {
    if (!is_fine()) return false;
    const std::string_view left = rest();
    const auto [end, code] = std::from_chars(left.data(), left.data() + left.size(), *value);
    if (code == std::errc()) {
      at_ += static_cast<std::size_t>(end - left.data());
      return true;
    }
    state_ = left.empty() ? State::kCut : State::kNone;
    return false;
  }

 private:
  std::string_view text_;
  std::size_t at_ = 0;
  State state_ = State::kComplete;
};

void MatchCollecting(Cursor& cursor, GcMessage* message) {
  std::uint64_t generation = 0;
  if (!cursor.Literal("collecting generation ") || !cursor.Number(&generation)) return;
  if (generation > 2) return cursor.Fail(State::kNone);
  cursor.Literal("...");
  message->kind = GcMessage::Kind::kCollecting;
  message->generation = static_cast<std::uint8_t>(generation);
}

void MatchCounts(Cursor& cursor, GcMessage* message) {
  if (!cursor.Literal("objects in ")) return;
  if (StartsWith(cursor.rest(), "p")) {
    cursor.Literal("permanent generation: ");
    cursor.Number(&message->number);
    message->kind = GcMessage::Kind::kPermanent;
    return;
  }
  cursor.Literal("each generation:");
  for (std::uint64_t& count : message->counts) {
    cursor.Literal(" ");
    cursor.Number(&count);
  }
  message->kind = GcMessage::Kind::kCounts;
}

// The place of " 0xHEX>" in `text`, npos without one. The last one where it ends the text: a name
// may hold such a thing itself.
std::size_t FindAddress(std::string_view text) {
  constexpr std::string_view kBegin = " 0x";
  const auto length_at = [&](std::size_t at) -> std::size_t {
    std::size_t end = at + kBegin.size();
    while (end < text.size() && IsHexDigit(text[end])) ++end;
    const bool is_whole = end > at + kBegin.size() && end < text.size() && text[end] == '>';
    return is_whole ? end + 1 - at : 0;
  };
  const std::size_t last = text.rfind(kBegin);
  if (last == std::string_view::npos) return last;
  if (last + length_at(last) == text.size()) return last;
  for (std::size_t at = text.find(kBegin); at != std::string_view::npos;
       at = text.find(kBegin, at + 1)) {
    if (length_at(at) != 0) return at;
  }
  return std::string_view::npos;
}

void MatchObject(Cursor& cursor, bool is_collectable, GcMessage* message) {
  if (!cursor.Literal(is_collectable ? "collectable <" : "uncollectable <")) return;
  const std::string_view rest = cursor.rest();
  const std::size_t at = FindAddress(rest);
  if (at == std::string_view::npos) {
    cursor.Skip(rest.size());
    return cursor.Fail(State::kCut);
  }
  const std::size_t digits = at + 3;
  const std::size_t end = rest.find('>', digits);
  const auto address = ParseHex(rest.substr(digits, end - digits));
  message->kind = GcMessage::Kind::kObject;
  message->is_collectable = is_collectable;
  message->type = rest.substr(0, at);
  constexpr std::string_view kInstance = " instance at";
  if (EndsWith(message->type, kInstance)) message->type.remove_suffix(kInstance.size());
  cursor.Skip(end + 1);
  if (!address || message->type.empty()) return cursor.Fail(State::kNone);
  message->address = *address;
}

// "0.0123s elapsed".
void MatchElapsed(Cursor& cursor, GcMessage* message) {
  const std::string_view rest = cursor.rest();
  double seconds = 0;
  const auto [end, code] =
      std::from_chars(rest.data(), rest.data() + rest.size(), seconds, std::chars_format::fixed);
  constexpr double kMaxSeconds = 1e9;  // no pause of a process
  if (code != std::errc() || !IsDigit(rest[0]) || seconds > kMaxSeconds) {
    return cursor.Fail(rest.empty() ? State::kCut : State::kNone);
  }
  cursor.Skip(static_cast<std::size_t>(end - rest.data()));
  if (cursor.Literal("s elapsed")) message->seconds = seconds;
}

void MatchDone(Cursor& cursor, GcMessage* message) {
  message->kind = GcMessage::Kind::kDone;
  if (!cursor.Literal("done")) return;
  constexpr std::string_view kComma = ", ";
  bool is_ended = false;
  if (cursor.Optional(kComma)) {
    // Both parts may follow a comma: the counts are those with a word after their number.
    const std::string_view rest = cursor.rest();
    const std::size_t digits = static_cast<std::size_t>(
        std::find_if_not(rest.begin(), rest.end(), IsDigit) - rest.begin());
    if (digits == rest.size()) {
      cursor.Skip(digits);
      return cursor.Fail(State::kCut);
    }
    if (rest[digits] == '.') {
      MatchElapsed(cursor, message);
      is_ended = true;
    } else {
      cursor.Number(&message->unreachable);
      cursor.Literal(" unreachable, ");
      cursor.Number(&message->uncollectable);
      cursor.Literal(" uncollectable");
      if (cursor.is_fine() && message->uncollectable > message->unreachable) {
        return cursor.Fail(State::kNone);
      }
      message->has_numbers = true;
      if (cursor.Optional(kComma)) {
        MatchElapsed(cursor, message);
        is_ended = true;
      }
    }
  }
  if (!cursor.is_fine()) return;
  message->has_full_stop = cursor.Optional(".");
  if (is_ended || message->has_full_stop) return;
  cursor.Fail(cursor.rest().empty() ? State::kCut : State::kNone);
}

void MatchAtShutdown(Cursor& cursor, GcMessage* message) {
  message->kind = GcMessage::Kind::kAtShutdown;
  cursor.Number(&message->number);
  cursor.Literal(" uncollectable objects at shutdown");
}

}  // namespace

GcMatch MatchGcMessage(std::string_view text, GcMessage* message) {
  *message = {};
  Cursor cursor(text);
  if (!cursor.Literal(kGcMark)) return cursor.Match();
  const std::string_view rest = cursor.rest();
  const char first = rest.empty() ? '\0' : rest.front();
  switch (first) {
    case '\0':
      cursor.Fail(rest.empty() ? State::kCut : State::kNone);
      break;
    case 'c':
      // "collecting" or "collectable".
      if (StartsWith(rest, "collecta")) {
        MatchObject(cursor, true, message);
      } else {
        MatchCollecting(cursor, message);
      }
      break;
    case 'o':
      MatchCounts(cursor, message);
      break;
    case 'u':
      MatchObject(cursor, false, message);
      break;
    case 'd':
      MatchDone(cursor, message);
      break;
    default:
      MatchAtShutdown(cursor, message);
      break;
  }
  return cursor.Match();
}

}  // namespace memwhy::readers
