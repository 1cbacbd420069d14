// SPDX-License-Identifier: Apache-2.0
#include "report/ledger/ledger_text.h"

#include <fmt/core.h>

#include <optional>

#include "base/terminal_text.h"
#include "report/parts/wrap.h"

namespace memwhy::report {
namespace {

constexpr std::size_t kNameWidth = 32;

std::string Amount(std::optional<SignedBytes> bytes) {
  if (!bytes) return "unknown";
  if (*bytes < 0) return FormatSignedBytes(*bytes);
  return FormatBytes(static_cast<Bytes>(*bytes));
}

}  // namespace

std::string LedgerText(const LedgerTable& table, const std::string& title) {
  const bool has_both = table.start_total && table.end_total;
  std::string text;
  const auto line = [&](const std::string& layer, std::string name,
                        std::optional<SignedBytes> start, std::optional<SignedBytes> end) {
    name = CutBytes(EscapeName(name), kNameWidth);
    text += fmt::format("  {:<12}{:<33}", EscapeName(layer), name);
    if (has_both) {
      const std::string change = start && end ? FormatSignedBytes(*end - *start) : "unknown";
      text += fmt::format("{:>10}{:>11}{:>12}\n", Amount(start), Amount(end), change);
    } else {
      text += fmt::format("{:>10}\n", Amount(end ? end : start));
    }
  };
  text += has_both ? fmt::format("{:<47}{:>10}{:>11}{:>12}\n", title, "start", "end", "change")
                   : title + "\n";
  for (const LedgerRow& row : table.rows) line(row.layer, row.name, row.start, row.end);
  line("", "total", Signed(table.start_total), Signed(table.end_total));
  if (table.owned) text += fmt::format("  {:.0f} % has a proven owner.\n", *table.owned * 100);
  if (!table.note.empty()) text += Wrap("  ", table.note);
  return text;
}

}  // namespace memwhy::report
