// SPDX-License-Identifier: Apache-2.0
#include "readers/gc_log_reader.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/strings.h"
#include "readers/ascii.h"

namespace memwhy::readers {
namespace {

using State = GcMatch::State;

constexpr std::size_t kMaxFragments = 4;
constexpr std::size_t kMaxFragmentBytes = 512;
constexpr std::uint64_t kMaxFragmentLines = 10'000;  // a rest comes with the writer's next write

// " 0 3490": numbers of the counts, written one by one.
bool IsCounts(std::string_view text) {
  return StartsWith(text, " ") &&
         std::all_of(text.begin(), text.end(), [](char c) { return c == ' ' || IsDigit(c); });
}

// How much of a mark stands at the front: it may have been cut there.
std::size_t BegunMarkLength(std::string_view text) {
  std::size_t length = 0;
  while (length < 3 && length < text.size() && text[length] == kGcMark[length]) ++length;
  return length;
}

// What stands in front of the first mark, without a mark that was cut off and without the head of a
// warning.
LogPrefix PrefixOf(std::string_view lead) {
  lead = lead.substr(0, lead.find("gc:0: "));
  return BegunMarkLength(lead) == lead.size() ? LogPrefix{} : ParseLogPrefix(lead);
}

struct Joined {
  std::string text;
  bool is_whole = false;
};
// The beginning of a message with what goes on with it; nullopt where `text` does not.
std::optional<Joined> GoOn(const std::string& begun, std::string_view text, bool must_use_all) {
  Joined joined{begun + std::string(text.substr(0, kMaxFragmentBytes))};
  GcMessage message;
  const GcMatch match = MatchGcMessage(joined.text, &message);
  if (match.length <= begun.size()) return std::nullopt;
  const bool uses_all = match.length == begun.size() + text.size();
  joined.is_whole = match.state == State::kComplete;
  if (joined.is_whole ? must_use_all && !uses_all
                      : match.state == State::kNone || !uses_all || !IsCounts(text) ||
                            match.length > kMaxFragmentBytes) {
    return std::nullopt;
  }
  joined.text.resize(match.length);
  return joined;
}

// Docker's json-file puts the time behind the text.
std::optional<double> TimeBehind(std::string_view tail) {
  const std::size_t at = tail.find("\"time\":\"");
  return at == std::string_view::npos ? std::nullopt : FindTime(tail.substr(at, 64));
}

}  // namespace

GcLogReader::GcLogReader(bool keep_shutdown, GcBlocks::OnObject on_object)
    : blocks_(keep_shutdown, std::move(on_object)) {}

void GcLogReader::Feed(std::string_view bytes) {
  while (!bytes.empty()) {
    const std::size_t end = bytes.find('\n');
    AddToLine(bytes.substr(0, end));
    if (end == std::string_view::npos) return;
    EndLine();
    bytes.remove_prefix(end + 1);
  }
}

void GcLogReader::AddToLine(std::string_view bytes) {
  const std::size_t room = kMaxLineBytes - line_.size();
  line_ += bytes.substr(0, room);
  if (bytes.size() <= room) return;
  is_long_ = true;
  has_lost_mark_ = has_lost_mark_ || Contains(bytes.substr(room), kGcMark);
}

void GcLogReader::EndLine() {
  ++lines_;
  // A progress bar writes its line again and again.
  for (std::string_view rest = line_; !rest.empty();) {
    const std::size_t end = rest.find('\r');
    Part(rest.substr(0, end));
    if (end == std::string_view::npos) break;
    rest.remove_prefix(end + 1);
  }
  if (std::exchange(has_lost_mark_, false)) ++unparsed_;
  is_long_ = false;
  line_.clear();
}

void GcLogReader::Part(std::string_view text) {
  if (Trim(text).empty()) return;
  while (!fragments_.empty() && fragments_.front().line + kMaxFragmentLines < lines_) {
    DropFragment();
  }
  const bool may_be_listing = std::exchange(is_listing_, false);
  std::size_t mark = text.find(kGcMark);
  if (mark == std::string_view::npos) {
    if (Join(text, false) || JoinMark(text)) return;
    if (may_be_listing && StartsWith(text, "      [")) return;
    blocks_.AddOtherLine(text);
    return;
  }
  const std::string_view lead = text.substr(0, mark);
  // A mark right behind a message is no part of a word; nor is one behind a number that another
  // writer's counts have left over.
  bool is_behind_message = Join(lead, true) || (IsCounts(lead) && IsDigit(lead.back()));
  const LogPrefix prefix = is_behind_message ? LogPrefix{} : PrefixOf(lead);
  while (mark != std::string_view::npos) {
    const std::size_t next = text.find(kGcMark, mark + kGcMark.size());
    const bool is_followed = next != std::string_view::npos;
    const bool follows_word = mark > 0 && IsWord(text[mark - 1]) && !is_behind_message;
    is_behind_message = Segment(text.substr(mark, is_followed ? next - mark : next), prefix,
                                follows_word, is_followed);
    mark = next;
  }
}

bool GcLogReader::Segment(std::string_view text, const LogPrefix& prefix, bool follows_word,
                          bool is_followed) {
  GcMessage message;
  const GcMatch match = MatchGcMessage(text, &message);
  switch (match.state) {
    case State::kComplete: {
      const std::string_view tail = text.substr(match.length);
      // A fourth number is another writer's, or the text of a collector that is not known.
      if (message.kind == GcMessage::Kind::kCounts && tail.size() > 1 && IsCounts(tail) &&
          !Join(tail, false)) {
        ++unparsed_;
        return false;
      }
      LogPrefix from = prefix;
      if (!from.time) from.time = TimeBehind(tail);
      blocks_.Add(from, message, tail.empty() && is_followed);
      is_listing_ = message.kind == GcMessage::Kind::kAtShutdown;
      return tail.empty() || Join(tail, false) || JoinMark(tail);
    }
    case State::kCut:
      AddFragment(text, prefix, follows_word);
      return true;
    case State::kNone:
      break;
  }
  // The rest of another message may have come where this one was cut: behind all that fits, if that
  // is a whole part of a message.
  const std::size_t first_cut = message.has_numbers ? match.length : kGcMark.size();
  for (std::size_t cut = match.length; cut >= first_cut; --cut) {
    const std::string_view rest = text.substr(cut);
    if (!Join(rest, false) && !JoinMark(rest)) continue;
    AddFragment(text.substr(0, cut), prefix, follows_word);
    return true;
  }
  // Or the end of a number that had looked whole.
  if (match.length > kGcMark.size()) {
    AddFragment(text.substr(0, match.length), prefix, follows_word);
  } else {
    unparsed_ += follows_word ? 0 : 1;
  }
  return false;
}

void GcLogReader::AddFragment(std::string_view text, const LogPrefix& prefix, bool follows_word) {
  if (text.size() > kMaxFragmentBytes) {
    ++unparsed_;
    return;
  }
  fragments_.push_back({std::string(text), prefix, lines_, follows_word, {}, {}});
  if (fragments_.size() > kMaxFragments) DropFragment();
}

// Its rest is lost. What had been found stands before the time, so that is not.
void GcLogReader::DropFragment() {
  const Fragment fragment = std::move(fragments_.front());
  fragments_.pop_front();
  constexpr std::string_view kLastWord = "uncollectable";
  const std::size_t end = fragment.text.find(kLastWord);
  GcMessage message;
  const GcMatch match = MatchGcMessage(
      fragment.text.substr(0, end) + std::string(end == std::string::npos ? "" : kLastWord) + ".",
      &message);
  const bool is_sure = message.has_numbers || !fragment.follows_word;
  if (match.state == State::kComplete && message.kind == GcMessage::Kind::kDone && is_sure) {
    message.has_full_stop = false;
    blocks_.Add(fragment.prefix, message, false);
  } else {
    unparsed_ += fragment.follows_word ? 0 : 1;
  }
}

// Most text goes on with nothing, and that shows at its first byte.
bool GcLogReader::MayGoOn(Fragment& fragment, char next) {
  const auto byte = static_cast<unsigned char>(next);
  if (!fragment.is_tried[byte]) {
    GcMessage message;
    fragment.is_tried[byte] = true;
    fragment.may_follow[byte] =
        MatchGcMessage(fragment.text + next, &message).length > fragment.text.size();
  }
  return fragment.may_follow[byte];
}

// Whether `text` goes on with a fragment; behind the fragment's prefix where it has one.
bool GcLogReader::Join(std::string_view text, bool must_use_all) {
  if (text.empty()) return false;
  for (std::size_t i = fragments_.size(); i-- > 0;) {
    Fragment& fragment = fragments_[i];
    const bool has_prefix = !fragment.prefix.key.empty();
    const std::size_t first = has_prefix ? 1 : 0;
    const std::size_t places = has_prefix ? 2 * kMaxPrefixBytes : BegunMarkLength(text) + 1;
    for (std::size_t at = first; at < std::min(places, text.size()); ++at) {
      if (!MayGoOn(fragment, text[at])) continue;
      const auto joined = GoOn(fragment.text, text.substr(at), must_use_all);
      if (!joined) continue;
      if (has_prefix && ParseLogPrefix(text.substr(0, at)).key != fragment.prefix.key) continue;
      fragment.text = joined->text;
      fragment.is_tried.reset();
      if (!joined->is_whole) return true;
      const Fragment whole = std::move(fragment);
      fragments_.erase(fragments_.begin() + static_cast<std::ptrdiff_t>(i));
      GcMessage message;
      MatchGcMessage(whole.text, &message);
      blocks_.Add(whole.prefix, message, false);
      return true;
    }
  }
  return false;
}

// The rest of a message that was cut inside of its mark.
bool GcLogReader::JoinMark(std::string_view text) {
  for (const std::string_view begun : {"g", "gc", "gc:"}) {
    const std::string_view wanted = kGcMark.substr(begun.size());
    if (!StartsWith(text, wanted)) continue;
    const std::string whole = std::string(begun) + std::string(text.substr(0, kMaxFragmentBytes));
    GcMessage message;
    if (MatchGcMessage(whole, &message).state != State::kComplete) continue;
    blocks_.Add({}, message, false);
    return true;
  }
  return false;
}

model::GcLog GcLogReader::Finish() {
  if (!line_.empty() || is_long_) EndLine();
  while (!fragments_.empty()) DropFragment();
  model::GcLog log = blocks_.Finish();
  log.lines = lines_;
  log.unparsed = unparsed_ + blocks_.unplaced();
  return log;
}

}  // namespace memwhy::readers
