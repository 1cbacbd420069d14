// SPDX-License-Identifier: Apache-2.0
#include "report/ledger/ledger_rows.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

namespace memwhy::report {
namespace {

const model::Ledger* Find(const std::vector<model::Ledger>& ledgers, const std::string& account,
                          const std::string& at) {
  for (const model::Ledger& ledger : ledgers) {
    if (ledger.account == account && ledger.at == at) return &ledger;
  }
  return nullptr;
}

void AddShares(const model::Ledger* ledger, std::optional<SignedBytes> LedgerRow::* column,
               std::vector<LedgerRow>& rows) {
  if (ledger == nullptr) return;
  for (const model::Share& share : ledger->shares) {
    const auto same = [&](const LedgerRow& row) {
      return row.layer == share.layer && row.name == share.name;
    };
    auto row = std::find_if(rows.begin(), rows.end(), same);
    if (row == rows.end()) row = rows.insert(rows.end(), {share.layer, share.name, {}, {}});
    (*row).*column = static_cast<SignedBytes>(share.bytes);
  }
}

}  // namespace

std::optional<LedgerTable> MakeLedgerTable(const std::vector<model::Ledger>& ledgers,
                                           const std::string& account) {
  const model::Ledger* start = Find(ledgers, account, "start");
  const model::Ledger* end = Find(ledgers, account, "end");
  if (end == nullptr) end = Find(ledgers, account, "");
  if (start == nullptr && end == nullptr) return std::nullopt;
  LedgerTable table;
  table.account = account;
  AddShares(end, &LedgerRow::end, table.rows);
  AddShares(start, &LedgerRow::start, table.rows);
  for (LedgerRow& row : table.rows) {
    // A share that a ledger does not list holds nothing.
    if (start != nullptr && !row.start) row.start = 0;
    if (end != nullptr && !row.end) row.end = 0;
  }
  LedgerRow rest{"", "unattributed", {}, {}};
  if (start != nullptr) rest.start = start->unattributed;
  if (end != nullptr) rest.end = end->unattributed;
  table.rows.push_back(rest);
  if (start != nullptr) table.start_total = start->total;
  if (end != nullptr) table.end_total = end->total;
  const model::Ledger& last = end != nullptr ? *end : *start;
  table.note = last.note;
  if (last.total > 0) {
    Bytes owned = 0;
    for (const model::Share& share : last.shares) owned += share.owned;
    table.owned = static_cast<double>(owned) / static_cast<double>(last.total);
    table.attributed =
        1 - std::abs(static_cast<double>(last.unattributed)) / static_cast<double>(last.total);
  }
  return table;
}

}  // namespace memwhy::report
