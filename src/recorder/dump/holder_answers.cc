// SPDX-License-Identifier: Apache-2.0
#include "recorder/dump/holder_answers.h"

#include <unistd.h>

#include <cstring>
#include <utility>

#include "base/output_file.h"

namespace memwhy::recorder {

Result<void> WriteQuestions(const std::string& path, std::span<const std::uint64_t> questions) {
  unlink(path.c_str());  // of an earlier process with our number
  return WriteExclusive(path, {reinterpret_cast<const char*>(questions.data()),
                               questions.size() * sizeof(std::uint64_t)});
}

std::optional<model::HolderScan> ParseAnswers(std::span<const std::uint8_t> bytes,
                                              std::span<const std::uint64_t> questions,
                                              HolderNames& names) {
  constexpr char kMagic[8] = {'M', 'W', 'Y', 'S', 'C', 'A', 'N', '2'};
  constexpr std::uint64_t kMaxPlaces = 64;
  const auto word = [&](std::uint64_t* value) {
    if (bytes.size() < 8) return false;
    std::memcpy(value, bytes.data(), 8);
    bytes = bytes.subspan(8);
    return true;
  };
  std::uint64_t magic = 0;
  std::uint64_t count = 0;
  if (!word(&magic) || std::memcmp(&magic, kMagic, 8) != 0) return std::nullopt;
  std::uint64_t unread = 0;
  if (!word(&count) || !word(&unread) || count != questions.size()) return std::nullopt;
  model::HolderScan scan;
  scan.was_done = true;
  scan.unread_mappings = unread;
  for (const std::uint64_t address : questions) {
    model::HolderScan::Object object;
    object.address = address;
    std::uint64_t places = 0;
    if (!word(&object.words) || !word(&object.static_words) || !word(&object.native_words) ||
        !word(&object.holder) || !word(&places)) {
      return std::nullopt;
    }
    if (object.holder != 0) object.holder_name = names.NameOf(object.holder);
    if (places > kMaxPlaces) return std::nullopt;
    for (std::uint64_t i = 0; i < places; ++i) {
      std::uint64_t place = 0;
      if (!word(&place)) return std::nullopt;
      object.places.push_back(names.NameOf(place));
    }
    scan.objects.push_back(std::move(object));
  }
  return scan;
}

}  // namespace memwhy::recorder
