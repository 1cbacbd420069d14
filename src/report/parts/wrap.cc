// SPDX-License-Identifier: Apache-2.0
#include "report/parts/wrap.h"

#include <algorithm>
#include <string_view>

#include "base/strings.h"
#include "base/terminal_text.h"

namespace memwhy::report {

std::string Wrap(const std::string& head, const std::string& text, std::size_t width) {
  const std::string indent(std::min(head.size(), width / 2), ' ');
  std::string out;
  std::string line = head;
  bool is_empty = true;
  const std::string shown = EscapeName(text);
  for (const std::string_view word : SplitFields(shown)) {
    if (!is_empty && line.size() + 1 + word.size() > width) {
      out += line + "\n";
      line = indent;
      is_empty = true;
    }
    if (!is_empty) line += ' ';
    line += word;
    is_empty = false;
  }
  return out + line + "\n";
}

}  // namespace memwhy::report
