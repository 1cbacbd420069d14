// SPDX-License-Identifier: Apache-2.0
//
// Text as it may reach a terminal or a document. Names come from the target: a thread's or a file's
// name may hold escape sequences that write to the clipboard, marks that turn the order of what
// follows, characters that cannot be seen. Invariant: every command prints through here, so that
// none of them is ever printed as it is; they are shown as "\x1b", "\u202e".
#pragma once

#include <fmt/core.h>

#include <cstddef>
#include <cstdio>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>

namespace memwhy {

// A character that has no place in a terminal: C0 and C1 controls, DEL, marks of direction,
// characters without width, separators of lines, tags.
bool IsHiddenCharacter(char32_t character);

// A name inside of a line: hidden characters, line ends and tabs among them, and bytes that are no
// UTF-8 are written out. Text without any is returned as it is.
std::string EscapeName(std::string_view text);

// Lines: as EscapeName, but '\n' stays.
std::string EscapeLines(std::string_view text);

// A JSON document in UTF-8, as a serializer wrote it: hidden characters become \u escapes, which
// read back as the same text.
std::string EscapeJson(std::string_view json);

// At most `bytes` of the front; no character of UTF-8 is cut in two.
std::string_view CutBytes(std::string_view text, std::size_t bytes);

// EscapeLines to a stream.
void PrintLines(std::FILE* stream, std::string_view text);

template <typename T>
decltype(auto) ForTerminal(const T& value) {
  if constexpr (std::is_convertible_v<const T&, std::string_view>) {
    return EscapeName(value);
  } else {
    return (value);
  }
}

// Formats; each text among the arguments is taken for a name.
template <typename... Args>
std::string FormatForTerminal(fmt::format_string<Args...> format, const Args&... args) {
  const auto shown = std::tuple<decltype(ForTerminal(args))...>(ForTerminal(args)...);
  return std::apply(
      [&](const auto&... parts) {
        return fmt::vformat(fmt::string_view(format), fmt::make_format_args(parts...));
      },
      shown);
}

// "memwhy: " and a line to stderr.
template <typename... Args>
void Warn(fmt::format_string<Args...> format, const Args&... args) {
  PrintLines(stderr, "memwhy: " + FormatForTerminal(format, args...) + "\n");
}

// A line to stdout.
template <typename... Args>
void PrintLine(fmt::format_string<Args...> format, const Args&... args) {
  PrintLines(stdout, FormatForTerminal(format, args...) + "\n");
}

}  // namespace memwhy
