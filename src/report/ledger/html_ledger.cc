// SPDX-License-Identifier: Apache-2.0
#include "report/ledger/html_ledger.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstdlib>

#include "report/parts/html_text.h"

namespace memwhy::report {
namespace {

constexpr double kBarWidth = 300;

double Width(const std::optional<SignedBytes>& bytes, double most) {
  if (!bytes || most <= 0) return 0;
  return static_cast<double>(std::llabs(*bytes)) / most * kBarWidth;
}

std::string Bar(const LedgerRow& row, double most, const std::string& pattern) {
  const std::string look = row.layer.empty() ? fmt::format("fill=\"url(#{})\"", pattern)
                                             : fmt::format("class=\"l-{}\"", ClassName(row.layer));
  const std::string faded =
      row.layer.empty() ? look : fmt::format("class=\"l-{} start\"", ClassName(row.layer));
  return fmt::format(
      "<svg viewBox=\"0 0 {:g} 24\" aria-hidden=\"true\" preserveAspectRatio=\"none\">"
      "<rect {} x=\"0\" y=\"2\" width=\"{:.1f}\" height=\"8\"/>"
      "<rect {} x=\"0\" y=\"13\" width=\"{:.1f}\" height=\"8\"/></svg>",
      kBarWidth, faded, Width(row.start, most), look, Width(row.end, most));
}

std::optional<SignedBytes> Change(const std::optional<SignedBytes>& start,
                                  const std::optional<SignedBytes>& end) {
  if (!start || !end) return std::nullopt;
  return *end - *start;
}

std::string BytesCells(const std::optional<SignedBytes>& start,
                       const std::optional<SignedBytes>& end) {
  return fmt::format("<td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td>",
                     AmountHtml(start), AmountHtml(end), ChangeHtml(Change(start, end)));
}

}  // namespace

std::string LedgerHtml(const LedgerTable& table) {
  double most = 0;
  for (const LedgerRow& row : table.rows) {
    for (const auto& bytes : {row.start, row.end}) {
      if (bytes) most = std::max(most, static_cast<double>(std::llabs(*bytes)));
    }
  }
  const std::string account = Escape(table.account);
  const std::string pattern = "hatch-" + ClassName(table.account);
  std::string out = fmt::format(
      "<svg width=\"0\" height=\"0\" aria-hidden=\"true\"><defs><pattern id=\"{}\" width=\"6\" "
      "height=\"6\" patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(45)\">"
      "<line class=\"hatch\" x1=\"0\" y1=\"0\" x2=\"0\" y2=\"6\"/></pattern></defs></svg>\n"
      "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Ledger of {}\"><table>\n"
      "<caption>Where {} lies. Upper bar: start, lower bar: end. Hatched: what nobody could "
      "explain.</caption>\n"
      "<thead><tr><th scope=\"col\">layer</th><th scope=\"col\">share</th>"
      "<th scope=\"col\" class=\"n\">start</th><th scope=\"col\" class=\"n\">end</th>"
      "<th scope=\"col\" class=\"n\">change</th><td></td></tr></thead>\n<tbody>\n",
      pattern, account, account);
  for (const LedgerRow& row : table.rows) {
    out += fmt::format("<tr><td>{}</td><th scope=\"row\">{}</th>{}<td class=\"bar\">{}</td></tr>\n",
                       Escape(row.layer), Escape(row.name), BytesCells(row.start, row.end),
                       Bar(row, most, pattern));
  }
  out += fmt::format(
      "</tbody><tfoot><tr class=\"total\"><td>total</td><td>{}</td>{}<td></td></tr>"
      "</tfoot></table></div>\n",
      account, BytesCells(Signed(table.start_total), Signed(table.end_total)));
  if (table.owned) {
    out += fmt::format(
        "<p>{:.1f} % of the bytes have a proven owner; {:.1f} % are attributed. The "
        "shares and the unattributed rest sum up to the operating system's total, "
        "exactly.</p>\n",
        *table.owned * 100, *table.attributed * 100);
  }
  if (!table.note.empty()) out += fmt::format("<p class=\"dim\">{}</p>\n", Escape(table.note));
  return out;
}

}  // namespace memwhy::report
