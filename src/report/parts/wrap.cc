// SPDX-License-Identifier: Apache-2.0
#include "report/parts/wrap.h"

#include <algorithm>
#include <string_view>

#include "base/strings.h"
#include "base/terminal_text.h"

namespace memwhy::report {

namespace {

constexpr std::size_t kFewest = 8;  // columns: a shorter rest of a line takes no part of a word

// Where a word that is too long for a line can be broken: before a step of a path.
std::size_t BreakOf(std::string_view word, std::size_t room) {
  constexpr std::string_view kSteps = ".[/(";
  for (std::size_t at = std::min(room, word.size() - 1); at > room / 2; --at) {
    if (kSteps.find(word[at]) != std::string_view::npos) return at;
  }
  // Not within a character of several bytes.
  std::size_t at = room;
  while (at > 1 && (static_cast<unsigned char>(word[at]) & 0xc0) == 0x80) --at;
  return at;
}

}  // namespace

std::string Wrap(const std::string& head, const std::string& text, std::size_t width) {
  const std::string indent(std::min(head.size(), width / 2), ' ');
  std::string out;
  std::string line = head;
  bool is_empty = true;
  const std::string shown = EscapeName(text);
  for (std::string_view word : SplitFields(shown)) {
    if (!is_empty && line.size() + 1 + word.size() > width) {
      out += line + "\n";
      line = indent;
      is_empty = true;
    }
    while (word.size() > width - indent.size() && line.size() + word.size() > width) {
      if (line.size() + kFewest > width) break;
      const std::size_t part = BreakOf(word, width - line.size());
      out += line + std::string(word.substr(0, part)) + "\n";
      line = indent;
      word.remove_prefix(part);
    }
    if (!is_empty) line += ' ';
    line += word;
    is_empty = false;
  }
  return out + line + "\n";
}

}  // namespace memwhy::report
