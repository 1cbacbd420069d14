// SPDX-License-Identifier: Apache-2.0
#include "probes/tensorflow/loads_reader.h"

#include <nlohmann/json.hpp>

#include <string>
#include <utility>

namespace memwhy::probes {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kKeys = 6;  // _tf_loads.KEYS

// The first wrong member; later ones change nothing.
class Members {
 public:
  explicit Members(std::string* wrong) : wrong_(wrong) {}

  const Json& Of(const Json& object, const char* name) const {
    static const Json kNull;
    if (object.is_object()) {
      const auto found = object.find(name);
      if (found != object.end()) return *found;
    }
    Wrong(name);
    return kNull;
  }
  std::string Text(const Json& object, const char* name) const {
    const Json& value = Of(object, name);
    if (value.is_string()) return value.get<std::string>();
    if (!value.is_null()) Wrong(name);
    return "";
  }
  std::int64_t Integer(const Json& object, const char* name) const {
    const Json& value = Of(object, name);
    if (value.is_number_integer()) return value.get<std::int64_t>();
    Wrong(name);
    return 0;
  }
  const Json& List(const Json& object, const char* name) const {
    static const Json kEmpty = Json::array();
    const Json& value = Of(object, name);
    if (value.is_array()) return value;
    Wrong(name);
    return kEmpty;
  }
  model::TfCounts Counts(const Json& value, const char* name) const {
    model::TfCounts out;
    if (!value.is_array() || value.size() != kKeys) {
      Wrong(name);
      return out;
    }
    for (const Json& one : value) {
      if (!one.is_number_integer()) {
        Wrong(name);
        return out;
      }
    }
    out.functions = value[0].get<std::int64_t>();
    out.graphdef_bytes = value[1].get<std::int64_t>();
    out.handles = value[2].get<std::int64_t>();
    out.objects = value[3].get<std::int64_t>();
    if (value[4].get<std::int64_t>() >= 0) out.malloc = value[4].get<std::int64_t>();
    out.rss = value[5].get<std::int64_t>();
    return out;
  }
  void Wrong(const char* name) const {
    if (wrong_->empty()) *wrong_ = name;
  }

 private:
  std::string* wrong_;
};

model::TfLook ReadLook(const Members& members, const Json& look) {
  model::TfLook out;
  out.when = members.Text(look, "when");
  out.trouble = members.Text(look, "trouble");
  const Json& survivors = members.Of(look, "survivors");
  if (!survivors.is_object()) {
    members.Wrong("survivors");
    return out;
  }
  for (const auto& [kind, addresses] : survivors.items()) {
    std::vector<std::uint64_t> found;
    if (!addresses.is_array()) members.Wrong("survivors");
    for (const Json& address : addresses) {
      if (!address.is_number_unsigned()) {
        members.Wrong("survivors");
        break;
      }
      found.push_back(address.get<std::uint64_t>());
    }
    out.survivors.emplace_back(kind, std::move(found));
  }
  return out;
}

}  // namespace

Result<model::TfLoads> ReadTfLoads(std::string_view text) {
  const Json document = Json::parse(text, nullptr, false);
  if (document.is_discarded() || !document.is_object()) return Error("no JSON object");
  std::string wrong;
  const Members members(&wrong);
  model::TfLoads out;
  out.exit_status = members.Integer(document, "exit_status");
  out.tensorflow = members.Text(document, "tensorflow");
  out.error = members.Text(document, "error");
  const std::int64_t failed = members.Integer(document, "failed");
  if (failed < 0) members.Wrong("failed");
  out.failed = static_cast<std::uint64_t>(failed);
  const Json& keras = members.Of(document, "keras");
  if (!keras.is_object()) members.Wrong("keras");
  if (keras.is_object()) {
    for (const auto& [package, version] : keras.items()) {
      if (!version.is_string()) members.Wrong("keras");
      if (version.is_string()) out.keras.emplace_back(package, version.get<std::string>());
    }
  }
  for (const Json& load : members.List(document, "loads")) {
    model::TfLoad one;
    one.loader = members.Text(load, "loader");
    one.before = members.Counts(members.Of(load, "before"), "before");
    one.after = members.Counts(members.Of(load, "after"), "after");
    out.loads.push_back(std::move(one));
  }
  for (const Json& cleanup : members.List(document, "cleanups")) {
    model::TfCleanup one;
    one.what = members.Text(cleanup, "what");
    const Json& after = members.Of(cleanup, "after");
    if (!after.is_null()) one.after = members.Counts(after, "after");
    out.cleanups.push_back(std::move(one));
  }
  if (!out.cleanups.empty()) out.end = members.Counts(members.Of(document, "end"), "end");
  for (const Json& look : members.List(document, "looks")) {
    out.looks.push_back(ReadLook(members, look));
  }
  if (!wrong.empty()) return Error::Of("member \"{}\" is missing or wrong", wrong);
  return out;
}

}  // namespace memwhy::probes
