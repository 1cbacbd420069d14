// SPDX-License-Identifier: Apache-2.0
#include "report/heap/tensor_chain_view.h"

#include <fmt/core.h>

#include <utility>

#include "base/bytes.h"
#include "base/terminal_text.h"
#include "report/heap/heap_text.h"
#include "report/parts/wrap.h"
#include "report/views/columns.h"

namespace memwhy::report {
namespace {

using analysis::ChainLink;
using analysis::ChainLinkKind;
using analysis::ChainReferrer;

const char* LinkName(ChainLinkKind kind) {
  switch (kind) {
    case ChainLinkKind::kPython:
      return "Python object";
    case ChainLinkKind::kTensor:
      return "TensorImpl";
    case ChainLinkKind::kStorage:
      return "StorageImpl";
    case ChainLinkKind::kMemory:
      return "memory";
  }
  return "";
}

std::string ReferrerText(const ChainReferrer& referrer) {
  std::string text = referrer.name;
  if (!referrer.label.empty()) text += (referrer.label[0] == '[' ? "" : ".") + referrer.label;
  if (referrer.address != 0) text += "  " + AddressText(referrer.address);
  return ShortenLeft(EscapeName(text), 70);
}

std::string MemoryText(const analysis::TensorChain& chain, const MemoryNow& now) {
  if (chain.device != "cpu") {
    return Wrap("      ", fmt::format("on {}: its block and segment are in a snapshot of the "
                                      "device's allocator (memwhy snapshot)",
                                      EscapeName(chain.device)));
  }
  std::string text;
  if (now.usable) {
    text += Wrap("      ",
                 fmt::format("malloc block: {} usable, in {}", FormatBytes(*now.usable), now.home));
  }
  if (now.resident) {
    text += fmt::format(
        "      pages: {} of {} resident{}\n", FormatCount(*now.resident),
        FormatCount(now.pages.value_or(0)),
        now.swapped.value_or(0) > 0 ? fmt::format(", {} in swap", FormatCount(*now.swapped)) : "");
  }
  if (!now.why_unknown.empty()) text += Wrap("      ", "unknown: " + EscapeName(now.why_unknown));
  return text;
}

template <typename T>
Json ChainValue(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

}  // namespace

std::string TensorChainText(const HeapDumpView& dump, const TensorChainView& view) {
  std::string text = HeapHeadText(dump);
  text += view.owner.empty() ? "No root leads to it.\n\n"
                             : Wrap("Owner: ", EscapeName(view.owner)) + "\n";
  for (const ChainLink& link : view.chain.links) {
    text += fmt::format("{} {}  {}\n", LinkName(link.kind), AddressText(link.address),
                        ShortenLeft(EscapeName(link.what), 44));
    if (link.references) {
      text += fmt::format("    counted references: {}\n", FormatCount(*link.references));
    }
    for (const ChainReferrer& referrer : link.referrers) {
      text += "    from " + ReferrerText(referrer) + "\n";
    }
    if (link.referrer_count > link.referrers.size()) {
      text += fmt::format("    and {} more\n",
                          FormatCount(link.referrer_count - link.referrers.size()));
    }
    if (link.kind == ChainLinkKind::kMemory) text += MemoryText(view.chain, view.now);
    text += Wrap("    waits for ", EscapeName(link.waits_for));
  }
  return text;
}

Json TensorChainJson(const HeapDumpView& dump, const TensorChainView& view) {
  Json links = Json::array();
  for (const ChainLink& link : view.chain.links) {
    Json referrers = Json::array();
    for (const ChainReferrer& referrer : link.referrers) {
      referrers.push_back(
          {{"address", referrer.address == 0 ? Json(nullptr) : Json(AddressText(referrer.address))},
           {"name", referrer.name},
           {"label", TextOrNull(referrer.label)},
           {"native", referrer.is_native}});
    }
    links.push_back({{"link", LinkName(link.kind)},
                     {"address", AddressText(link.address)},
                     {"what", link.what},
                     {"references", ChainValue(link.references)},
                     {"referrers_total", link.referrer_count},
                     {"referrers", std::move(referrers)},
                     {"waits_for", link.waits_for}});
  }
  const analysis::TensorChain& chain = view.chain;
  return {{"schema", "memwhy.heap.chain/1"},
          {"dump", DumpFactsJson(dump)},
          {"owner", TextOrNull(view.owner)},
          {"device", TextOrNull(chain.device)},
          {"data_ptr", chain.data == 0 ? Json(nullptr) : Json(AddressText(chain.data))},
          {"bytes", chain.bytes},
          {"lent", !chain.is_owned},
          {"links", std::move(links)},
          {"memory",
           {{"usable", ChainValue(view.now.usable)},
            {"home", TextOrNull(view.now.home)},
            {"pages", ChainValue(view.now.pages)},
            {"resident", ChainValue(view.now.resident)},
            {"swapped", ChainValue(view.now.swapped)},
            {"why_unknown", TextOrNull(view.now.why_unknown)}}}};
}

}  // namespace memwhy::report
