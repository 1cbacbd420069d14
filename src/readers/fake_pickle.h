// SPDX-License-Identifier: Apache-2.0
//
// Pickles for tests and fuzz seeds, written value by value: Pickle(Dict({{"a", Int(1)}})). Each
// value is its own bytes, so a test may put any others between.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace memwhy::readers::pickle {

inline std::string LittleEndianBytes(std::uint64_t value, std::size_t bytes) {
  std::string out;
  for (std::size_t i = 0; i < bytes; ++i) {
    out.push_back(i < sizeof(value) ? static_cast<char>(value >> (8 * i)) : '\0');
  }
  return out;
}

inline std::string Int(std::int64_t value) {
  if (value >= 0 && value < 256) return "K" + LittleEndianBytes(static_cast<unsigned>(value), 1);
  return std::string("\x8a\x08") + LittleEndianBytes(static_cast<std::uint64_t>(value), 8);
}

inline std::string Text(std::string_view text) {
  return "X" + LittleEndianBytes(text.size(), 4) + std::string(text);
}

inline std::string Bool(bool value) { return value ? "\x88" : "\x89"; }

inline std::string Pair(std::int64_t a, std::int64_t b) { return Int(a) + Int(b) + "\x86"; }

inline std::string List(const std::vector<std::string>& items) {
  std::string out = "](";
  for (const std::string& item : items) out += item;
  return out + "e";
}

inline std::string Dict(const std::vector<std::pair<std::string, std::string>>& items) {
  std::string out = "}(";
  for (const auto& [key, value] : items) out += Text(key) + value;
  return out + "u";
}

inline std::string Pickle(const std::string& value, int protocol = 4) {
  return std::string("\x80") + static_cast<char>(protocol) + value + ".";
}

inline std::string FrameOf(std::string_view function, std::string_view file, int line) {
  return Dict({{"name", Text(function)}, {"filename", Text(file)}, {"line", Int(line)}});
}

inline std::string BlockOf(std::int64_t address, std::int64_t size, std::int64_t requested,
                           std::string_view state, const std::string& frames) {
  return Dict({{"address", Int(address)},
               {"size", Int(size)},
               {"requested_size", Int(requested)},
               {"state", Text(state)},
               {"frames", frames}});
}

inline std::string SegmentOf(std::int64_t address, std::int64_t size, bool is_expandable,
                             const std::vector<std::string>& blocks) {
  return Dict({{"device", Int(0)},
               {"address", Int(address)},
               {"total_size", Int(size)},
               {"stream", Int(0)},
               {"segment_type", Text(size <= (2 << 20) ? "small" : "large")},
               {"segment_pool_id", Pair(0, 0)},
               {"is_expandable", Bool(is_expandable)},
               {"blocks", List(blocks)}});
}

inline std::string EventOf(std::string_view action, std::int64_t address, std::int64_t size,
                           std::int64_t time_us, const std::string& frames) {
  return Dict({{"action", Text(action)},
               {action == "oom" ? "device_free" : "addr", Int(address)},
               {"size", Int(size)},
               {"stream", Int(0)},
               {"time_us", Int(time_us)},
               {"frames", frames}});
}

inline std::string SnapshotOf(const std::vector<std::string>& segments,
                              const std::vector<std::string>& events) {
  return Dict({{"segments", List(segments)},
               {"device_traces", List({List(events)})},
               {"allocator_settings",
                Dict({{"max_split_size", Int(-1)}, {"expandable_segments", Bool(false)}})}});
}

// One segment of 20 MiB: 4 MiB of app.py:7, a hole, 512 B of cache.py:3. Before, 8 MiB of app.py:9
// lay in the hole.
inline std::string SmallSnapshot() {
  constexpr std::int64_t kMiB = 1 << 20;
  constexpr std::int64_t kAt = 0x7f0000000000;
  const std::string app = List({FrameOf("step", "/srv/app.py", 7)});
  const std::string temporary = List({FrameOf("scratch", "/srv/app.py", 9)});
  const std::string cache = List({FrameOf("put", "/srv/cache.py", 3)});
  return SnapshotOf(
      {SegmentOf(kAt, 20 * kMiB, false,
                 {BlockOf(kAt, 4 * kMiB, 4 * kMiB - 100, "active_allocated", app),
                  BlockOf(kAt + 4 * kMiB, 8 * kMiB, 0, "inactive", List({})),
                  BlockOf(kAt + 12 * kMiB, 2 * kMiB, 2 * kMiB, "active_allocated", cache),
                  BlockOf(kAt + 14 * kMiB, 6 * kMiB, 0, "inactive", List({}))})},
      {EventOf("segment_alloc", kAt, 20 * kMiB, 1000000, app),
       EventOf("alloc", kAt, 4 * kMiB - 100, 1000001, app),
       EventOf("alloc", kAt + 4 * kMiB, 8 * kMiB, 1500000, temporary),
       EventOf("alloc", kAt + 12 * kMiB, 2 * kMiB, 2000000, cache),
       EventOf("free_requested", kAt + 4 * kMiB, 8 * kMiB, 3000000, app),
       EventOf("free_completed", kAt + 4 * kMiB, 8 * kMiB, 3000000, app)});
}

}  // namespace memwhy::readers::pickle
