// SPDX-License-Identifier: Apache-2.0
#include "cli/help_text.h"

#include <sstream>

#include "base/strings.h"
#include "report/parts/wrap.h"

namespace memwhy::cli {
namespace {

constexpr std::size_t kColumns = 80;

// `text` in lines of at most `width` bytes; a longer word stands alone.
std::string Broken(std::string_view text, std::size_t width) {
  std::string out;
  for (const std::string_view line : SplitLines(text)) {
    out += report::Wrap("", std::string(line), width);
  }
  if (!out.empty()) out.pop_back();  // the last end of line
  return out;
}

}  // namespace

std::string HelpText::make_option_desc(const CLI::Option* option) const {
  return Broken(option->get_description(), kColumns - get_column_width());
}

std::string HelpText::make_subcommand(const CLI::App* command) const {
  std::ostringstream out;
  CLI::detail::format_help(out, command->get_display_name(true),
                           Broken(command->get_description(), kColumns - get_column_width()),
                           get_column_width());
  return out.str();
}

}  // namespace memwhy::cli
