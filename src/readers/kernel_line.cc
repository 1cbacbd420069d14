// SPDX-License-Identifier: Apache-2.0
#include "readers/kernel_line.h"

#include <algorithm>
#include <array>

#include "base/strings.h"
#include "readers/ascii.h"

namespace memwhy::readers {
namespace {

constexpr std::size_t kMaxWord = 256;

constexpr bool IsEscapeDigit(char c) {
  return IsDigit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

constexpr unsigned HexValue(char c) {
  if (IsDigit(c)) return static_cast<unsigned>(c - '0');
  return static_cast<unsigned>((c >= 'a' ? c - 'a' : c - 'A') + 10);
}

std::size_t LeadingDigits(std::string_view text) {
  return static_cast<std::size_t>(std::find_if_not(text.begin(), text.end(), IsDigit) -
                                  text.begin());
}

// "10:48:09".
bool IsClock(std::string_view text) {
  constexpr std::string_view kShape = "dd:dd:dd";
  if (text.size() < kShape.size()) return false;
  return std::equal(kShape.begin(), kShape.end(), text.begin(),
                    [](char wanted, char c) { return wanted == 'd' ? IsDigit(c) : wanted == c; });
}

std::string_view FirstWord(std::string_view text) { return text.substr(0, text.find(' ')); }

// The word and the blanks behind it.
void DropWord(std::string_view& text) {
  text.remove_prefix(FirstWord(text).size());
  text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
}

// /dev/kmsg writes what cannot be printed, and backslashes, as \xNN.
std::string UnescapeRecord(std::string_view text) {
  std::string plain;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const bool is_escape = text[at] == '\\' && at + 3 < text.size() && text[at + 1] == 'x' &&
                           IsEscapeDigit(text[at + 2]) && IsEscapeDigit(text[at + 3]);
    if (is_escape) {
      plain += static_cast<char>(HexValue(text[at + 2]) * 16 + HexValue(text[at + 3]));
      at += 3;
    } else {
      plain += text[at];
    }
  }
  return plain;
}

// "6,1234,849654331,-,caller=T4711;message".
bool ParseRecord(std::string_view text, KernelLine* line) {
  const std::size_t end = text.find(';');
  if (end == std::string_view::npos || end > kMaxWord) return false;
  const auto fields = Split(text.substr(0, end), ',');
  if (fields.size() < 4) return false;
  for (std::size_t i = 0; i < 3; ++i) {
    if (fields[i].empty() || LeadingDigits(fields[i]) != fields[i].size()) return false;
  }
  const std::string usec(fields[2]);
  const std::string padded =
      usec.size() < 7 ? std::string(7 - usec.size(), '0') + usec : std::string(usec);
  line->uptime = padded.substr(0, padded.size() - 6) + "." + padded.substr(padded.size() - 6);
  line->at = line->uptime;
  for (std::string_view field : fields) {
    if (ConsumePrefix(field, "caller=")) line->caller = field;
  }
  line->tag = "kernel";
  line->message = UnescapeRecord(text.substr(end + 1));
  return true;
}

std::string WithoutColours(std::string_view text) {
  std::string plain;
  while (!text.empty()) {
    const std::size_t escape = text.find("\x1b[");
    plain += text.substr(0, escape);
    if (escape == std::string_view::npos) break;
    text.remove_prefix(escape + 2);
    const std::size_t end = std::min(text.find_first_not_of("0123456789;"), text.size());
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return plain;
}

// What stands in brackets at the front, without blanks around it; "" where there is none.
std::string_view InBrackets(std::string_view text) {
  if (!StartsWith(text, "[")) return {};
  const std::size_t end = text.find(']');
  if (end == std::string_view::npos || end > 64) return {};
  return Trim(text.substr(1, end - 1));
}

bool IsUptime(std::string_view text) {
  const std::size_t seconds = LeadingDigits(text);
  if (seconds == 0 || seconds > 12 || seconds + 4 > text.size() || text[seconds] != '.')
    return false;
  const std::string_view fraction = text.substr(seconds + 1);
  return LeadingDigits(fraction) == fraction.size() && fraction.size() <= 9;
}

// "T4711": a task; "C3": an interrupt on a processor.
bool IsCaller(std::string_view text) {
  return text.size() > 1 && text.size() < 16 && (text[0] == 'T' || text[0] == 'C') &&
         LeadingDigits(text.substr(1)) + 1 == text.size();
}

// How long the time at the front is; 0: there is none.
std::size_t TimeLengthAt(std::string_view text) {
  // 2026-11-30T10:00:00.123+01:00, "2026-11-30 10:00:00"
  const auto is_date = [](std::string_view date) {
    return date.size() >= 10 && LeadingDigits(date) == 4 && (date[4] == '-' || date[4] == '/') &&
           LeadingDigits(date.substr(5)) == 2 && date[7] == date[4] &&
           LeadingDigits(date.substr(8)) == 2;
  };
  if (is_date(text) && text.size() > 11 && IsClock(text.substr(11))) {
    return 11 + FirstWord(text.substr(11)).size();
  }
  // "Wed 2026-11-30 10:00:00 UTC" of journalctl -o short-full
  if (text.size() > 16 && text[3] == ' ' && is_date(text.substr(4)) && IsClock(text.substr(15))) {
    std::size_t length = 15 + FirstWord(text.substr(15)).size();
    if (length < text.size()) length += 1 + FirstWord(text.substr(length + 1)).size();
    return std::min(length, text.size());
  }
  // 1700000000.123456 of journalctl -o short-unix
  const std::size_t digits = LeadingDigits(text);
  if (digits >= 9 && digits <= 11 && digits < text.size() && text[digits] == '.') {
    return digits + 1 + LeadingDigits(text.substr(digits + 1));
  }
  // "Dec 11 10:48:09", in any language; "Dec 11 2026 10:48:09"
  std::string_view rest = text;
  const std::string_view month = FirstWord(rest);
  if (month.empty() || month.size() > 16 || IsDigit(month[0])) return 0;
  DropWord(rest);
  const std::string_view day = FirstWord(rest);
  if (day.empty() || day.size() > 2 || LeadingDigits(day) != day.size()) return 0;
  DropWord(rest);
  const std::string_view year = FirstWord(rest);
  if (year.size() == 4 && LeadingDigits(year) == 4) DropWord(rest);
  if (!IsClock(rest)) return 0;
  return text.size() - rest.size() + FirstWord(rest).size();
}

// "kernel:", "systemd-oomd[840]:". Returns the name, "" where it is none.
std::string_view TagOf(std::string_view word, bool* has_pid) {
  *has_pid = false;
  if (word.size() < 2 || word.size() > kMaxWord || word.back() != ':') return {};
  word.remove_suffix(1);
  if (word.back() == ']') {
    const std::size_t open = word.rfind('[');
    if (open == std::string_view::npos) return {};
    const std::string_view pid = word.substr(open + 1, word.size() - open - 2);
    if (pid.empty() || LeadingDigits(pid) != pid.size()) return {};
    *has_pid = true;
    word = word.substr(0, open);
  }
  const auto is_part = [](char c) {
    return IsWord(c) || std::string_view("-./@()+~").find(c) != std::string_view::npos;
  };
  return !word.empty() && std::all_of(word.begin(), word.end(), is_part) ? word
                                                                         : std::string_view{};
}

// First words of the kernel's own messages that look like a tag.
bool IsKernelWord(std::string_view word) {
  constexpr std::array<std::string_view, 6> kWords = {"memory", "memory+swap", "swap",
                                                      "kmem",   "oom_reaper",  "oom-kill"};
  return std::find(kWords.begin(), kWords.end(), word) != kWords.end();
}

// "kern  :err   : " of dmesg -x.
bool DropFacility(std::string_view& text) {
  const std::size_t first = text.find(':');
  if (first == std::string_view::npos || first > 12) return false;
  const std::size_t second = text.find(':', first + 1);
  if (second == std::string_view::npos || second > 24) return false;
  if (Trim(text.substr(0, first)) != "kern") return false;
  text.remove_prefix(second + 1);
  text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
  return true;
}

// Parts of a prefix in any order, as long as one is found.
class PrefixParser {
 public:
  PrefixParser(std::string_view text, KernelLine* line) : text_(text), line_(line) {}

  std::string_view Rest() {
    // No log has more parts than this.
    for (int i = 0; i < 8 && Part(); ++i) {
    }
    return text_;
  }

 private:
  bool Part() { return Priority() || Bracket() || DropFacility(text_) || Time() || Tag(); }

  // "<6>", "<3>1 ".
  bool Priority() {
    if (!StartsWith(text_, "<")) return false;
    const std::size_t digits = LeadingDigits(text_.substr(1));
    if (digits == 0 || digits > 3 || !StartsWith(text_.substr(1 + digits), ">")) return false;
    text_.remove_prefix(digits + 2);
    if (StartsWith(text_, "1 ") && TimeLengthAt(text_.substr(2)) > 0) {
      text_.remove_prefix(2);
      is_rfc5424_ = true;
    }
    return true;
  }

  bool Bracket() {
    const std::string_view inside = InBrackets(text_);
    if (inside.empty()) return false;
    if (IsUptime(inside)) {
      if (line_->uptime.empty()) line_->uptime = inside;
    } else if (IsCaller(inside) && !line_->uptime.empty()) {
      line_->caller = inside;
    } else if (TimeLengthAt(inside) > 0 ||
               (inside.size() > 4 && inside[3] == ' ' && TimeLengthAt(inside.substr(4)) > 0)) {
      SetTime(inside);
    } else {
      return false;
    }
    has_time_ = true;
    text_.remove_prefix(text_.find(']') + 1);
    // One blank ends the prefix; those behind it are the message's.
    if (StartsWith(text_, " ")) text_.remove_prefix(1);
    return true;
  }

  bool Time() {
    const std::size_t length = TimeLengthAt(text_);
    if (length == 0) return false;
    SetTime(text_.substr(0, length));
    has_time_ = true;
    text_.remove_prefix(length);
    if (StartsWith(text_, " ")) text_.remove_prefix(1);
    return true;
  }

  void SetTime(std::string_view time) {
    if (line_->at.empty()) line_->at = time.substr(0, 64);
  }

  bool Tag() {
    if (!line_->tag.empty()) return false;
    if (is_rfc5424_) return StructuredTag();
    std::string_view rest = text_;
    bool has_pid = false;
    std::string_view tag = TagOf(FirstWord(rest), &has_pid);
    const bool is_lone = !tag.empty() && !IsKernelWord(tag);
    if (!is_lone) {
      // "HOST TAG:" behind a time only.
      if (!has_time_) return false;
      DropWord(rest);
      tag = TagOf(FirstWord(rest), &has_pid);
      const bool is_sure = has_pid || tag == "kernel" || line_->uptime.empty();
      if (tag.empty() || !is_sure || IsKernelWord(tag)) return false;
    }
    line_->tag = tag;
    rest.remove_prefix(FirstWord(rest).size());
    if (StartsWith(rest, " ")) rest.remove_prefix(1);
    text_ = rest;
    return true;
  }

  // "HOST TAG PID ID - message"
  bool StructuredTag() {
    std::string_view rest = text_;
    DropWord(rest);
    line_->tag = FirstWord(rest).substr(0, kMaxWord);
    for (int i = 0; i < 3; ++i) DropWord(rest);
    if (StartsWith(rest, "-")) {
      rest.remove_prefix(1);
    } else if (StartsWith(rest, "[")) {
      rest.remove_prefix(std::min(rest.find("] "), rest.size() - 1) + 1);
    }
    if (StartsWith(rest, " ")) rest.remove_prefix(1);
    ConsumePrefix(rest, "\xef\xbb\xbf");
    text_ = rest;
    return true;
  }

  std::string_view text_;
  KernelLine* line_;
  bool has_time_ = false;
  bool is_rfc5424_ = false;
};

// Behind a prefix that nobody knows: the kernel's time, with microseconds, is the mark.
std::string_view BehindUptime(std::string_view text, std::string* uptime) {
  for (std::size_t at = text.find('['); at != std::string_view::npos; at = text.find('[', at + 1)) {
    const std::string_view inside = InBrackets(text.substr(at));
    if (!IsUptime(inside) || inside.size() - inside.find('.') != 7) continue;
    *uptime = inside;
    std::string_view rest = text.substr(text.find(']', at) + 1);
    if (StartsWith(rest, " ")) rest.remove_prefix(1);
    return rest;
  }
  return {};
}

}  // namespace

KernelLine ParseKernelLine(std::string_view text) {
  KernelLine line;
  while (!text.empty() && (text.back() == '\r' || text.back() == '\n')) text.remove_suffix(1);
  if (ParseRecord(text, &line)) return line;
  std::string plain;
  if (Contains(text, "\x1b[")) {
    plain = WithoutColours(text);
    text = plain;
  }
  std::string_view rest = PrefixParser(text, &line).Rest();
  if (line.tag.empty() && line.uptime.empty()) {
    const std::string_view behind = BehindUptime(rest, &line.uptime);
    if (!behind.empty()) rest = behind;
  }
  if (line.at.empty()) line.at = line.uptime;
  line.message = rest;
  return line;
}

}  // namespace memwhy::readers
