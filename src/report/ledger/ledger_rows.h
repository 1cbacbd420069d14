// SPDX-License-Identifier: Apache-2.0
//
// The ledgers of one account at the start and the end of a session, row by row: what the text and
// the HTML view print, so that both agree. Rows are in the order of the end ledger, `unattributed`
// comes last. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "model/ledger/ledger.h"

namespace memwhy::report {

struct LedgerRow {
  std::string layer;  // "" for unattributed
  std::string name;
  std::optional<SignedBytes> start;  // nullopt: there is no ledger of the start
  std::optional<SignedBytes> end;
};

struct LedgerTable {
  std::string account;
  std::vector<LedgerRow> rows;  // the last one is unattributed
  std::optional<Bytes> start_total;
  std::optional<Bytes> end_total;
  std::optional<double> owned;       // share of the last total that has a proven owner, 0 .. 1
  std::optional<double> attributed;  // share of the last total that is not unattributed
  std::string note;
};

// nullopt when there is no ledger of the account.
std::optional<LedgerTable> MakeLedgerTable(const std::vector<model::Ledger>& ledgers,
                                           const std::string& account);

inline std::optional<SignedBytes> Signed(std::optional<Bytes> bytes) {
  if (!bytes) return std::nullopt;
  return static_cast<SignedBytes>(*bytes);
}

}  // namespace memwhy::report
