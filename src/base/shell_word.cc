// SPDX-License-Identifier: Apache-2.0
#include "base/shell_word.h"

#include "base/terminal_text.h"

namespace memwhy {

std::string ShellWord(std::string_view text) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./:@%+=,-";
  if (!text.empty() && text.find_first_not_of(kPlain) == std::string_view::npos) {
    return std::string(text);
  }
  const bool is_visible = EscapeName(text) == text;
  std::string out;
  for (const char c : text) {
    if (c == '\'') {
      out += is_visible ? "'\\''" : "\\'";
    } else if (c == '\\' && !is_visible) {
      out += "\\\\";
    } else {
      out += c;
    }
  }
  return is_visible ? "'" + out + "'" : "$'" + EscapeName(out) + "'";
}

}  // namespace memwhy
