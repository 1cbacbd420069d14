// SPDX-License-Identifier: Apache-2.0
//
// What the fuzz targets share: inputs cut into frames at a mark, so that a mutation that inserts or
// drops bytes leaves the other frames alone; and the session file that frames describe.
// A frame is an operation byte and its bytes.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace memwhy::fuzz {

inline constexpr std::string_view kFrameMark = "\xffMW\xff";

// A broken promise of the code under test.
#define MEMWHY_FUZZ_EXPECT(condition)                                              \
  do {                                                                             \
    if (!(condition)) {                                                            \
      std::fprintf(stderr, "%s:%d: broken: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                \
    }                                                                              \
  } while (false)

// Gives a reader the text in pieces of `step` bytes.
template <typename Reader>
void Feed(std::string_view text, std::size_t step, Reader* reader) {
  for (std::size_t at = 0; at < text.size(); at += step) {
    const std::string_view part = text.substr(at, step);
    const std::vector<char> piece(part.begin(), part.end());  // of its own: a byte too far is seen
    reader->Feed({piece.data(), piece.size()});
  }
}

inline std::vector<std::string_view> SplitFrames(std::string_view input) {
  constexpr std::size_t kMaxFrames = 64;
  std::vector<std::string_view> frames;
  while (frames.size() < kMaxFrames) {
    const std::size_t end = input.find(kFrameMark);
    frames.push_back(input.substr(0, end));
    if (end == std::string_view::npos) break;
    input.remove_prefix(end + kFrameMark.size());
  }
  return frames;
}

inline std::string_view AsText(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

inline std::span<const std::uint8_t> AsBytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

// Takes a little-endian number off the front; what is missing reads as zero.
template <typename T>
T Take(std::string_view* bytes) {
  T value{};
  const std::size_t size = std::min(sizeof(T), bytes->size());
  if (size != 0) std::memcpy(&value, bytes->data(), size);
  bytes->remove_prefix(size);
  return value;
}

inline void WriteFile(const std::string& path, std::string_view bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc)
      .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

}  // namespace memwhy::fuzz
