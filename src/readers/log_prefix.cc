// SPDX-License-Identifier: Apache-2.0
#include "readers/log_prefix.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>

#include "base/strings.h"
#include "readers/ascii.h"

namespace memwhy::readers {
namespace {

// 'd' is a digit, everything else itself.
bool HasShape(std::string_view text, std::string_view shape) {
  if (text.size() < shape.size()) return false;
  return std::equal(shape.begin(), shape.end(), text.begin(),
                    [](char wanted, char c) { return wanted == 'd' ? IsDigit(c) : wanted == c; });
}

std::size_t CountDigits(std::string_view text) {
  return static_cast<std::size_t>(std::find_if_not(text.begin(), text.end(), IsDigit) -
                                  text.begin());
}

double Number(std::string_view digits) {
  double value = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return value;
}

// ".123", ",123".
std::size_t FractionLength(std::string_view text) {
  if (text.size() < 2 || (text[0] != '.' && text[0] != ',')) return 0;
  const std::size_t digits = CountDigits(text.substr(1));
  return digits == 0 ? 0 : digits + 1;
}

// "Z", "+01:00", "-0500", directly behind a time.
std::size_t ZoneLength(std::string_view text) {
  if (StartsWith(text, "Z")) return 1;
  if (!StartsWith(text, "+") && !StartsWith(text, "-")) return 0;
  if (HasShape(text.substr(1), "dd:dd")) return 6;
  return HasShape(text.substr(1), "dddd") ? 5 : 0;
}

struct TimeText {
  std::size_t length = 0;  // 0: no time begins here
  std::optional<double> seconds;
};

std::optional<double> SecondsOf(std::string_view date, std::string_view clock,
                                std::string_view fraction) {
  using namespace std::chrono;
  const year_month_day day(year(static_cast<int>(Number(date.substr(0, 4)))),
                           month(static_cast<unsigned>(Number(date.substr(5, 2)))),
                           std::chrono::day(static_cast<unsigned>(Number(date.substr(8, 2)))));
  if (!day.ok()) return std::nullopt;
  double seconds = static_cast<double>(sys_days(day).time_since_epoch().count()) * 86400;
  seconds += Number(clock.substr(0, 2)) * 3600 + Number(clock.substr(3, 2)) * 60 +
             Number(clock.substr(6, 2));
  if (!fraction.empty()) seconds += Number("0." + std::string(fraction.substr(1, 9)));
  return seconds;
}

// "Wed ", "Wed, ".
std::size_t WeekdayLength(std::string_view text) {
  for (const std::string_view day : {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"}) {
    if (!StartsWith(text, day)) continue;
    if (StartsWith(text.substr(3), " ")) return 4;
    if (StartsWith(text.substr(3), ", ")) return 5;
  }
  return 0;
}

// A word that begins with a digit and holds a time of day: "25/Nov/2026:10:00:00".
std::size_t OtherTimeLength(std::string_view text) {
  if (CountDigits(text) == 0) return 0;
  const auto is_part = [](char c) {
    return IsWord(c) || std::string_view("/:.,+-").find(c) != std::string_view::npos;
  };
  const auto end = std::find_if_not(text.begin(), text.end(), is_part);
  const std::string_view word = text.substr(0, static_cast<std::size_t>(end - text.begin()));
  for (std::size_t at = 0; at < word.size(); ++at) {
    if (HasShape(word.substr(at), "dd:dd:dd")) return word.size();
  }
  return 0;
}

// A time of day with its fraction and zone, a date with or without one, a syslog date, a number of
// seconds or milliseconds since 1970, a time since boot in brackets. `text` follows no digit.
TimeText PlainTimeAt(std::string_view text) {
  TimeText time;
  const bool is_date = HasShape(text, "dddd-dd-dd") || HasShape(text, "dddd/dd/dd");
  std::size_t at = is_date ? 10 : 0;
  if (is_date && at < text.size() && (text[at] == 'T' || text[at] == ' ')) ++at;
  const std::string_view clock = text.substr(at);
  if (HasShape(clock, "dd:dd:dd")) {
    const std::size_t fraction = FractionLength(clock.substr(8));
    time.length = at + 8 + fraction;
    time.length += ZoneLength(text.substr(time.length));
    if (is_date) time.seconds = SecondsOf(text.substr(0, 10), clock, clock.substr(8, fraction));
    return time;
  }
  if (is_date) return {10, std::nullopt};
  constexpr std::array<std::string_view, 12> kMonths = {"Jan ", "Feb ", "Mar ", "Apr ",
                                                        "May ", "Jun ", "Jul ", "Aug ",
                                                        "Sep ", "Oct ", "Nov ", "Dec "};
  for (const std::string_view month : kMonths) {
    if (!StartsWith(text, month)) continue;
    const std::size_t day = StartsWith(text.substr(4), " ") ? 5 : 4;
    const std::size_t digits = CountDigits(text.substr(day));
    if (digits == 1 || digits == 2) return {day + digits, std::nullopt};
  }
  const std::size_t digits = CountDigits(text);
  // From 2001 on, in seconds or milliseconds.
  if ((digits == 10 && text[0] == '1') || (digits == 13 && text[0] == '1')) {
    time.length = digits + FractionLength(text.substr(digits));
    time.seconds = Number(text.substr(0, time.length)) / (digits == 13 ? 1000 : 1);
    return time;
  }
  return {OtherTimeLength(text), std::nullopt};
}

// The same behind the day of the week.
TimeText TimeAt(std::string_view text) {
  const std::size_t weekday = WeekdayLength(text);
  TimeText time = PlainTimeAt(text.substr(weekday));
  if (time.length > 0) time.length += weekday;
  return time;
}

// "   12.345678]" behind a bracket: the kernel's time since boot.
std::size_t UptimeLength(std::string_view text) {
  const std::size_t first = std::min(text.find_first_not_of(' '), text.size());
  const std::size_t digits = CountDigits(text.substr(first));
  const std::size_t length = first + digits;
  if (digits == 0 || !StartsWith(text.substr(length), ".")) return 0;
  const std::size_t fraction = FractionLength(text.substr(length));
  return fraction > 3 && StartsWith(text.substr(length + fraction), "]") ? length + fraction : 0;
}

// The length of "\x1b[31m" and the like.
std::size_t ColourLength(std::string_view text) {
  if (!StartsWith(text, "\x1b[")) return 0;
  const std::size_t end = text.find_first_not_of("0123456789;", 2);
  return end == std::string_view::npos ? text.size() : end + 1;
}

}  // namespace

LogPrefix ParseLogPrefix(std::string_view lead) {
  // What comes later is no prefix that tells anybody apart.
  lead = lead.substr(0, 4 * kMaxPrefixBytes);
  LogPrefix prefix;
  std::string& key = prefix.key;
  for (std::size_t at = 0; at < lead.size();) {
    const std::string_view rest = lead.substr(at);
    if (const std::size_t colour = ColourLength(rest); colour > 0) {
      at += colour;
      continue;
    }
    const bool follows_word = !key.empty() && IsWord(key.back());
    const TimeText time = follows_word ? TimeText{} : TimeAt(rest);
    std::size_t length = time.length;
    if (length == 0 && EndsWith(key, "[")) length = UptimeLength(rest);
    if (length > 0) {
      if (!prefix.time) prefix.time = time.seconds;
      key += '@';
      at += length;
      continue;
    }
    key += lead[at++];
  }
  key = std::string(Trim(key)).substr(0, kMaxPrefixBytes);
  return prefix;
}

std::optional<double> FindTime(std::string_view text) {
  bool follows_word = false;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (!follows_word && IsDigit(text[at])) {
      if (const TimeText time = TimeAt(text.substr(at)); time.seconds) return time.seconds;
    }
    follows_word = IsWord(text[at]);
  }
  return std::nullopt;
}

std::string PrefixShape(std::string_view key) {
  std::string shape;
  for (std::size_t at = 0; at < key.size();) {
    if (!IsWord(key[at])) {
      shape += key[at++];
      continue;
    }
    std::size_t end = at;
    bool has_digit = false;
    for (; end < key.size() && IsWord(key[end]); ++end) has_digit |= IsDigit(key[end]);
    shape += has_digit ? std::string_view("#") : key.substr(at, end - at);
    at = end;
  }
  return shape;
}

}  // namespace memwhy::readers
