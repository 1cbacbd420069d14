// SPDX-License-Identifier: Apache-2.0
#include "govern/kv/pool_state.h"

#include <array>
#include <cstdio>
#include <string_view>

namespace memwhy::govern {
namespace {

// Appends "key":value pairs; strings are printable ASCII.
class JsonText {
 public:
  void Open(char bracket) {
    Separate();
    text_ += bracket;
    is_first_ = true;
  }
  void Close(char bracket) {
    text_ += bracket;
    is_first_ = false;
  }
  void Key(std::string_view key) {
    String(key);
    text_ += ':';
    is_first_ = true;
  }
  void String(std::string_view value) {
    Separate();
    text_ += '"';
    for (const char c : value) {
      if (c == '"' || c == '\\') text_ += '\\';
      text_ += c;
    }
    text_ += '"';
  }
  void Raw(std::string_view value) {
    Separate();
    text_ += value;
  }
  void Field(std::string_view key, std::uint64_t value) {
    Key(key);
    Raw(std::to_string(value));
  }
  void Ratio(std::string_view key, double value) {
    std::array<char, 32> digits{};
    std::snprintf(digits.data(), digits.size(), "%.9g", value);
    Key(key);
    Raw(digits.data());
  }
  std::string Take() { return std::move(text_); }

 private:
  void Separate() {
    if (!is_first_) text_ += ',';
    is_first_ = false;
  }
  std::string text_;
  bool is_first_ = true;
};

const char* LevelName(MarkLevel level) {
  switch (level) {
    case MarkLevel::kBelow:
      return "below";
    case MarkLevel::kSoft:
      return "soft";
    case MarkLevel::kHard:
      return "hard";
  }
  return "below";
}

}  // namespace

std::string PoolStateJson(const PoolState& state) {
  JsonText json;
  const PoolStats& stats = state.stats;
  json.Open('{');
  json.Field("pid", state.pid);
  json.Field("wall_ns", state.wall_ns);
  json.Field("changes", state.changes);
  json.Field("blocks", stats.capacity);
  json.Field("block_bytes", stats.block_bytes);
  json.Field("free", stats.free);
  json.Field("cached", stats.cached);
  json.Field("held", stats.held);
  json.Field("reserved", stats.reserved);
  json.Field("retiring", stats.retiring);
  json.Field("indexed", stats.indexed);
  json.Field("allocated_total", stats.allocated_total);
  json.Field("released_total", stats.released_total);
  json.Field("evicted_total", stats.evicted_total);
  json.Field("queried_total", stats.queried_total);
  json.Field("found_total", stats.found_total);
  json.Field("copied_total", stats.copied_total);
  json.Field("refused_total", stats.refused_total);
  json.Field("lost_events", stats.lost_events);
  json.Key("tenants");
  json.Open('[');
  for (const TenantAccount& account : state.tenants) {
    json.Open('{');
    json.Key("name");
    json.String(account.limits.name);
    json.Field("quota", account.limits.quota_blocks);
    // Without a limit of its own: null.
    if (account.limits.borrow_blocks == UINT64_MAX) {
      json.Key("borrow");
      json.Raw("null");
    } else {
      json.Field("borrow", account.limits.borrow_blocks);
    }
    json.Key("max_requests");
    json.Raw(account.limits.max_requests == 0 ? "null"
                                              : std::to_string(account.limits.max_requests));
    json.Ratio("soft_mark", account.limits.soft_mark);
    json.Ratio("hard_mark", account.limits.hard_mark);
    json.Key("lends");
    json.Raw(account.limits.lends ? "true" : "false");
    json.Field("held", account.held);
    json.Field("reserved", account.reserved);
    json.Field("cached", account.cached);
    json.Field("owed", account.owed);
    json.Field("claimed", account.claimed);
    json.Field("requests", account.requests);
    json.Field("peak_used", account.peak_used);
    json.Field("refused", account.refused);
    json.Field("evicted", account.evicted);
    json.Key("level");
    json.String(LevelName(account.level));
    json.Close('}');
  }
  json.Close(']');
  json.Close('}');
  return json.Take();
}

}  // namespace memwhy::govern
