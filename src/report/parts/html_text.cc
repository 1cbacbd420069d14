// SPDX-License-Identifier: Apache-2.0
#include "report/parts/html_text.h"

#include <fmt/core.h>

#include <array>
#include <cstdlib>

#include "base/terminal_text.h"
#include "report/parts/sha256.h"

namespace memwhy::report {
namespace {

std::string ExactBytes(SignedBytes bytes) {
  return fmt::format("{}{} bytes", bytes < 0 ? "\u2212" : "",
                     FormatCount(static_cast<std::uint64_t>(std::llabs(bytes))));
}

std::string Titled(SignedBytes bytes, const std::string& text) {
  return fmt::format("<span title=\"{}\">{}</span>", ExactBytes(bytes), text);
}

constexpr const char* kUnknown = "unknown";

}  // namespace

std::string Escape(std::string_view text) {
  const std::string shown = EscapeLines(text);
  std::string out;
  out.reserve(shown.size());
  for (const char c : shown) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string BytesHtml(std::optional<Bytes> bytes) {
  if (!bytes) return kUnknown;
  return Titled(static_cast<SignedBytes>(*bytes), FormatBytes(*bytes));
}

std::string AmountHtml(std::optional<SignedBytes> bytes) {
  if (!bytes) return kUnknown;
  const std::string text = FormatBytes(static_cast<Bytes>(std::llabs(*bytes)));
  return Titled(*bytes, *bytes < 0 ? "\u2212" + text : text);
}

std::string ChangeHtml(std::optional<SignedBytes> bytes) {
  if (!bytes) return kUnknown;
  std::string text = FormatSignedBytes(*bytes);
  if (!text.empty() && text.front() == '-') text = "\u2212" + text.substr(1);
  return Titled(*bytes, text);
}

std::string TermHtml(const std::string& name, const std::string& html) {
  return fmt::format("<dt>{}</dt><dd>{}</dd>\n", name, html);
}

std::string ClassName(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool is_plain =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
    out += is_plain ? c : '-';
  }
  return out.empty() ? "x" : out;
}

std::string ContentHash(std::string_view text) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const std::array<std::uint8_t, 32> hash = Sha256(text);
  std::string out = "sha256-";
  for (std::size_t i = 0; i < hash.size(); i += 3) {
    const std::size_t left = hash.size() - i;
    const std::uint32_t group = static_cast<std::uint32_t>(hash[i] << 16) |
                                static_cast<std::uint32_t>(left > 1 ? hash[i + 1] << 8 : 0) |
                                static_cast<std::uint32_t>(left > 2 ? hash[i + 2] : 0);
    out += kDigits[group >> 18];
    out += kDigits[group >> 12 & 63];
    out += left > 1 ? kDigits[group >> 6 & 63] : '=';
    out += left > 2 ? kDigits[group & 63] : '=';
  }
  return out;
}

}  // namespace memwhy::report
