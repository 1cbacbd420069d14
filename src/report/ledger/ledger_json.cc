// SPDX-License-Identifier: Apache-2.0
#include "report/ledger/ledger_json.h"

#include <utility>

namespace memwhy::report {

Json LedgerJson(const model::Ledger& ledger) {
  Json shares = Json::array();
  for (const model::Share& share : ledger.shares) {
    shares.push_back({{"layer", share.layer},
                      {"name", share.name},
                      {"bytes", share.bytes},
                      {"owned", share.owned}});
  }
  Json json;
  json["account"] = ledger.account;
  json["at"] = TextOrNull(ledger.at);
  json["time"] = ledger.time;
  json["total"] = ledger.total;
  json["shares"] = std::move(shares);
  json["unattributed"] = ledger.unattributed;
  json["note"] = TextOrNull(ledger.note);
  return json;
}

Json LedgersJson(std::span<const model::Ledger> ledgers) {
  Json json = Json::array();
  for (const model::Ledger& ledger : ledgers) json.push_back(LedgerJson(ledger));
  return json;
}

Json LedgerDocument(Json session, std::span<const model::Ledger> ledgers) {
  Json document;
  document["schema"] = "memwhy.ledger/1";
  document["session"] = std::move(session);
  document["ledgers"] = LedgersJson(ledgers);
  return document;
}

}  // namespace memwhy::report
