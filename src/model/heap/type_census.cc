// SPDX-License-Identifier: Apache-2.0
#include "model/heap/type_census.h"

#include <map>
#include <string>
#include <utility>

namespace memwhy::model {
namespace {

const char* RootName(wire::DumpRoot kind) {
  switch (kind) {
    case wire::DumpRoot::kModule:
      return "(module)";
    case wire::DumpRoot::kFrame:
    case wire::DumpRoot::kGreenlet:
      return "(frame)";
    case wire::DumpRoot::kThread:
      return "(thread state)";
    case wire::DumpRoot::kContext:
      return "(context)";
    case wire::DumpRoot::kInterned:
      return "(interned)";
    case wire::DumpRoot::kInterpreter:
      return "(interpreter)";
    case wire::DumpRoot::kNativeGlobal:
      return "(c global)";
    case wire::DumpRoot::kKeyTable:
      return "(key table)";
    case wire::DumpRoot::kStack:
      break;
  }
  return "(root)";
}

void AddTo(std::uint64_t& sum, std::uint64_t more) {
  if (__builtin_add_overflow(sum, more, &sum)) sum = UINT64_MAX;
}

class Reader : public DumpVisitor {
 public:
  void OnType(std::string_view name, std::uint64_t, std::uint64_t, std::uint64_t) {
    by_id_.push_back(Find(name.empty() ? "(unnamed)" : std::string(name), false));
  }
  void OnTypeTotal(const DumpTypeTotal& total) {
    TypeCensus::Type& type = census.types[by_id_[total.type]];
    AddTo(type.objects, total.objects);
    AddTo(type.bytes, total.bytes);
    AddTo(census.objects, total.objects);
    AddTo(census.bytes, total.bytes);
  }
  void OnPair(const DumpPair& pair) {
    // Words of which nobody knows whether they are in use.
    if (!pair.referrer && pair.root == wire::DumpRoot::kStack) return;
    const std::uint32_t referrer =
        pair.referrer ? by_id_[*pair.referrer] : Find(RootName(pair.root), true);
    const std::uint32_t referent =
        pair.referent ? by_id_[*pair.referent] : Find(kNoObjectName, false);
    AddTo(pairs_[{referrer, referent}], pair.references);
  }
  // An agent that does not know of a census writes these.
  void OnShape(wire::ShapeRest, const std::vector<DumpLabel>&) { is_dump = true; }
  void OnObject(const DumpObject&) { is_dump = true; }
  void OnEnd(const DumpTotals& totals) { census.skipped = totals.skipped; }

  void Finish() {
    for (const auto& [types, references] : pairs_) {
      census.pairs.push_back({types.first, types.second, references});
    }
  }

  TypeCensus census;
  bool is_dump = false;

 private:
  std::uint32_t Find(const std::string& name, bool is_root) {
    const auto [found, is_new] =
        by_name_.try_emplace({name, is_root}, static_cast<std::uint32_t>(census.types.size()));
    if (is_new) census.types.push_back({name, is_root, 0, 0});
    return found->second;
  }

  std::vector<std::uint32_t> by_id_;
  // A class may be called as a root is.
  std::map<std::pair<std::string, bool>, std::uint32_t> by_name_;
  std::map<std::pair<std::uint32_t, std::uint32_t>, std::uint64_t> pairs_;
};

}  // namespace

Result<TypeCensus> ReadTypeCensus(DumpSource& source) {
  Reader reader;
  DumpDecoder decoder(source, reader);
  MEMWHY_TRY_VOID(decoder.Run());
  if (reader.is_dump) {
    return Error(
        "the process was started by another version of memwhy, whose agent does not count");
  }
  if (!decoder.damage().empty()) return Error(decoder.damage()).With("a census");
  reader.Finish();
  return std::move(reader.census);
}

}  // namespace memwhy::model
