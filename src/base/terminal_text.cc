// SPDX-License-Identifier: Apache-2.0
#include "base/terminal_text.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>

namespace memwhy {
namespace {

struct Range {
  char32_t first;
  char32_t last;
};

// Sorted. What Unicode calls Cc, Cf, Zl, Zp or default ignorable.
constexpr Range kHidden[] = {
    {0x00, 0x1f},        // C0
    {0x7f, 0x9f},        // DEL, C1
    {0xad, 0xad},        // soft hyphen
    {0x34f, 0x34f},      // combining grapheme joiner
    {0x600, 0x605},      // signs around Arabic numbers
    {0x61c, 0x61c},      // Arabic letter mark
    {0x6dd, 0x6dd},      // end of ayah
    {0x70f, 0x70f},      // Syriac abbreviation mark
    {0x115f, 0x1160},    // Hangul fillers
    {0x17b4, 0x17b5},    // Khmer inherent vowels
    {0x180b, 0x180f},    // Mongolian selectors
    {0x200b, 0x200f},    // zero width, marks of direction
    {0x2028, 0x202e},    // separators of lines and paragraphs, embeddings, overrides
    {0x2060, 0x206f},    // word joiner, invisible operators, isolates
    {0x3164, 0x3164},    // Hangul filler
    {0xfe00, 0xfe0f},    // variation selectors
    {0xfeff, 0xfeff},    // zero width no-break space
    {0xffa0, 0xffa0},    // half-width Hangul filler
    {0xfff0, 0xfffb},    // interlinear annotation
    {0xfffe, 0xffff},    // no characters
    {0x110bd, 0x110bd},  // Kaithi number sign
    {0x1bca0, 0x1bca3},  // shorthand format controls
    {0x1d173, 0x1d17a},  // musical format controls
    {0xe0000, 0xe0fff},  // tags, variation selectors
};

// One character from the front of `text`; 0 bytes where there is none in UTF-8.
struct Decoded {
  char32_t character;
  std::size_t bytes;
};

Decoded Decode(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return {first, 1};
  const std::size_t bytes = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < bytes) return {0, 0};
  char32_t character = first & (0xffu >> (bytes + 1));
  for (std::size_t i = 1; i < bytes; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return {0, 0};
    character = character << 6 | (byte(i) & 0x3fu);
  }
  constexpr char32_t kMin[] = {0, 0, 0x80, 0x800, 0x10000};
  const bool is_surrogate = character >= 0xd800 && character < 0xe000;
  if (character < kMin[bytes] || character > 0x10ffff || is_surrogate) return {0, 0};
  return {character, bytes};
}

std::string Escape(std::string_view text, bool keeps_lines) {
  const auto is_plain = [&](char c) {
    return (c >= 0x20 && c < 0x7f) || (keeps_lines && c == '\n');
  };
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const auto* const end = std::find_if_not(text.begin(), text.end(), is_plain);
    const auto plain = static_cast<std::size_t>(end - text.begin());
    if (plain > 0) {
      out += text.substr(0, plain);
      text.remove_prefix(plain);
      continue;
    }
    const Decoded next = Decode(text);
    if (next.bytes == 0) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(text[0]));
      text.remove_prefix(1);
      continue;
    }
    if (!IsHiddenCharacter(next.character)) {
      out += text.substr(0, next.bytes);
    } else if (next.character == '\n') {
      out += "\\n";
    } else if (next.character == '\t') {
      out += "\\t";
    } else if (next.character == '\r') {
      out += "\\r";
    } else if (next.character < 0x80) {
      out += fmt::format("\\x{:02x}", static_cast<std::uint32_t>(next.character));
    } else {
      const auto number = static_cast<std::uint32_t>(next.character);
      out += number > 0xffff ? fmt::format("\\U{:08x}", number) : fmt::format("\\u{:04x}", number);
    }
    text.remove_prefix(next.bytes);
  }
  return out;
}

}  // namespace

bool IsHiddenCharacter(char32_t character) {
  const auto* after =
      std::upper_bound(std::begin(kHidden), std::end(kHidden), character,
                       [](char32_t value, const Range& range) { return value < range.first; });
  return after != std::begin(kHidden) && character <= std::prev(after)->last;
}

std::string EscapeName(std::string_view text) { return Escape(text, false); }

std::string EscapeLines(std::string_view text) { return Escape(text, true); }

std::string EscapeJson(std::string_view json) {
  // Most documents have none: one look at each byte, and one copy.
  const auto needs_look = [](char c) { return static_cast<unsigned char>(c) >= 0x7f; };
  std::string out;
  out.reserve(json.size());
  while (!json.empty()) {
    const auto* const at = std::find_if(json.begin(), json.end(), needs_look);
    const auto plain = static_cast<std::size_t>(at - json.begin());
    out += json.substr(0, plain);
    json.remove_prefix(plain);
    if (json.empty()) break;
    const Decoded next = Decode(json);
    const std::size_t bytes = next.bytes == 0 ? 1 : next.bytes;
    if (next.bytes == 0 || !IsHiddenCharacter(next.character)) {
      out += json.substr(0, bytes);
    } else if (next.character > 0xffff) {
      const auto rest = static_cast<std::uint32_t>(next.character - 0x10000);
      out += fmt::format("\\u{:04x}\\u{:04x}", 0xd800 + (rest >> 10), 0xdc00 + (rest & 0x3ff));
    } else {
      out += fmt::format("\\u{:04x}", static_cast<std::uint32_t>(next.character));
    }
    json.remove_prefix(bytes);
  }
  return out;
}

std::string_view CutBytes(std::string_view text, std::size_t bytes) {
  if (text.size() <= bytes) return text;
  while (bytes > 0 && (static_cast<unsigned char>(text[bytes]) & 0xc0) == 0x80) --bytes;
  return text.substr(0, bytes);
}

void PrintLines(std::FILE* stream, std::string_view text) {
  const std::string shown = EscapeLines(text);
  std::fwrite(shown.data(), 1, shown.size(), stream);
}

}  // namespace memwhy
