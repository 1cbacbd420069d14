// SPDX-License-Identifier: Apache-2.0
#include "analysis/suppressions.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstddef>
#include <optional>
#include <utility>

#include "analysis/verdict.h"

namespace memwhy::analysis {
namespace {

constexpr std::string_view kSpace = " \t\r";

bool IsSpace(char c) { return kSpace.find(c) != std::string_view::npos; }

// One line while it is read. Errors say what is wrong; the caller says where.
class LineParser {
 public:
  explicit LineParser(std::string_view line) : rest_(line) {}

  // False at the end of the line, or where a comment begins.
  bool HasMore() {
    while (!rest_.empty() && IsSpace(rest_.front())) rest_.remove_prefix(1);
    return !rest_.empty() && rest_.front() != '#';
  }
  std::string Word() {
    std::size_t end = 0;
    while (end < rest_.size() && !IsSpace(rest_[end]) && rest_[end] != '=') ++end;
    return std::string(Take(end));
  }
  // "=" and a value, quoted or up to the next space.
  Result<std::string> Value(const std::string& key) {
    if (rest_.empty() || rest_.front() != '=') {
      return Error::Of("{} has no value; write {}=\"...\"", key, key);
    }
    rest_.remove_prefix(1);
    if (rest_.empty() || rest_.front() != '"') {
      std::size_t end = 0;
      while (end < rest_.size() && !IsSpace(rest_[end])) ++end;
      return std::string(Take(end));
    }
    rest_.remove_prefix(1);
    const auto end = rest_.find('"');
    if (end == std::string_view::npos) return Error::Of("the value of {} has no closing \"", key);
    std::string value(Take(end));
    rest_.remove_prefix(1);
    return value;
  }

 private:
  std::string_view Take(std::size_t count) {
    const std::string_view taken = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return taken;
  }
  std::string_view rest_;
};

std::string* MemberOf(Suppression* one, std::string_view key) {
  if (key == "holder") return &one->holder;
  if (key == "type") return &one->type;
  if (key == "line") return &one->place;
  if (key == "reason") return &one->reason;
  return nullptr;
}

// nullopt: a line that says nothing.
Result<std::optional<Suppression>> ParseLine(std::string_view text) {
  LineParser line(text);
  if (!line.HasMore()) return std::optional<Suppression>();
  Suppression one;
  one.id = line.Word();
  if (one.id.empty()) return Error::Of("the line must begin with a rule, such as site.*");
  while (line.HasMore()) {
    const std::string key = line.Word();
    std::string* member = MemberOf(&one, key);
    if (member == nullptr) {
      return Error::Of("\"{}\" is not known; use holder, type, line or reason", key);
    }
    MEMWHY_TRY(std::string value, line.Value(key));
    if (value.empty()) return Error::Of("{} is empty; leave it out to match anything", key);
    if (!member->empty()) return Error::Of("{} is there twice", key);
    *member = std::move(value);
  }
  if (one.reason.empty()) return Error::Of("no reason is given; add reason=\"...\"");
  return std::optional(std::move(one));
}

std::string PlaceOf(const WhoAllocated& who) {
  const auto dot = who.callable.rfind('.');
  return who.file + ":" + (dot == std::string::npos ? who.callable : who.callable.substr(dot + 1));
}

bool MatchesPlace(std::string_view pattern, const Finding& finding) {
  const auto matches = [&](const std::optional<WhoAllocated>& who) {
    return who && MatchesPattern(pattern, PlaceOf(*who));
  };
  return matches(finding.who_allocated) ||
         (finding.who_holds && matches(finding.who_holds->filled_by));
}

}  // namespace

Result<std::vector<Suppression>> ParseSuppressions(std::string_view text, std::string_view name) {
  std::vector<Suppression> all;
  int number = 0;
  while (!text.empty()) {
    ++number;
    const auto end = std::min(text.find('\n'), text.size());
    auto one = ParseLine(text.substr(0, end));
    if (!one) return Error::Of("{}, line {}: {}", name, number, one.error().message());
    if (*one) {
      (*one)->line = number;
      all.push_back(*std::move(*one));
    }
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return all;
}

bool MatchesPattern(std::string_view pattern, std::string_view text) {
  std::size_t p = 0;
  std::size_t t = 0;
  std::size_t star = std::string_view::npos;  // the last one, and what it has taken up to
  std::size_t taken = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      taken = t;
    } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == text[t])) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++taken;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

bool Matches(const Suppression& suppression, const Finding& finding) {
  if (!MatchesPattern(suppression.id, finding.id)) return false;
  if (!suppression.holder.empty()) {
    if (!finding.who_holds) return false;
    if (!MatchesPattern(suppression.holder, finding.who_holds->holder) &&
        !MatchesPattern(suppression.holder, finding.who_holds->text)) {
      return false;
    }
  }
  if (!suppression.type.empty() && !MatchesPattern(suppression.type, finding.what.type)) {
    return false;
  }
  return suppression.place.empty() || MatchesPlace(suppression.place, finding);
}

void Suppress(const std::vector<Suppression>& suppressions, Verdict* verdict) {
  const bool had_blame = HasBlame(*verdict);
  std::vector<Finding> kept;
  for (Finding& finding : verdict->findings) {
    const auto match = std::find_if(suppressions.begin(), suppressions.end(),
                                    [&](const Suppression& one) { return Matches(one, finding); });
    if (match == suppressions.end()) {
      kept.push_back(std::move(finding));
    } else {
      verdict->suppressed.push_back({std::move(finding), match->reason, match->line});
    }
  }
  verdict->findings = std::move(kept);
  if (had_blame && !HasBlame(*verdict)) {
    verdict->summary = fmt::format("{} Every finding is suppressed: {}.", verdict->summary,
                                   verdict->suppressed.front().reason);
  }
}

}  // namespace memwhy::analysis
