// SPDX-License-Identifier: Apache-2.0
#include "symbols/symbolizer.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "base/output_file.h"
#include "base/regular_file.h"
#include "base/strings.h"
#include "symbols/debug_search.h"

namespace memwhy::symbols {
namespace {

constexpr std::uint64_t kMaxKept = std::uint64_t{64} << 20;  // bytes of one file of the cache

Result<Answers> ReadAnswers(const std::string& path) {
  MEMWHY_TRY(const RegularFile file, OpenRegular(path, "a file of symbols", Links::kRefuse));
  if (file.bytes > kMaxKept) return Error::Of("{} is too large", path);
  std::vector<std::uint8_t> bytes(file.bytes);
  std::size_t size = 0;
  while (size < bytes.size()) {
    const ssize_t count = read(file.fd.get(), bytes.data() + size, bytes.size() - size);
    if (count <= 0) break;
    size += static_cast<std::size_t>(count);
  }
  bytes.resize(size);
  return DecodeAnswers(bytes);
}

Result<void> WriteAnswers(const std::string& path, const Answers& answers) {
  const std::vector<std::uint8_t> bytes = EncodeAnswers(answers);
  if (bytes.size() > kMaxKept) return Error::Of("the symbols of one module exceed 64 MiB");
  return WriteOutputFile(path, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

}  // namespace

std::string DefaultCacheFolder() {
  const char* cache = std::getenv("XDG_CACHE_HOME");
  if (cache != nullptr && *cache == '/') return JoinPath(cache, "memwhy/symbols");
  const char* home = std::getenv("HOME");
  return home != nullptr && *home == '/' ? JoinPath(home, ".cache/memwhy/symbols") : "";
}

std::vector<Locations> Symbolizer::Resolve(const Module& module,
                                           std::span<const std::uint64_t> addresses) {
  Known& known = known_[module];
  if (!known.is_loaded) Load(module, &known);
  std::vector<std::uint64_t> missing;
  for (const std::uint64_t address : addresses) {
    if (!known.answers.by_address.contains(address)) missing.push_back(address);
  }
  if (!missing.empty() && !known.is_unreadable) {
    std::sort(missing.begin(), missing.end());
    missing.erase(std::unique(missing.begin(), missing.end()), missing.end());
    Ask(module, missing, &known);
  }
  std::vector<Locations> result;
  result.reserve(addresses.size());
  for (const std::uint64_t address : addresses) {
    const auto at = known.answers.by_address.find(address);
    result.push_back(at == known.answers.by_address.end() ? Locations{} : at->second);
  }
  return result;
}

void Symbolizer::Load(const Module& module, Known* known) const {
  known->is_loaded = true;
  if (!IsBuildId(module.build_id)) return;
  if (!options_.packed_folder.empty()) {
    auto packed = ReadAnswers(JoinPath(options_.packed_folder, module.build_id));
    if (packed) known->answers = *std::move(packed);
  }
  if (!known->answers.by_address.empty() || options_.cache_folder.empty()) return;
  auto kept = ReadAnswers(JoinPath(options_.cache_folder, module.build_id));
  if (!kept) return;
  const auto sources = SourcesOf(module, {.debug_folders = options_.debug_folders});
  // Kept answers of files that are gone are better than none: the build-id is the same.
  if (!sources || *sources == kept->made_from) known->answers = *std::move(kept);
}

void Symbolizer::Ask(const Module& module, const std::vector<std::uint64_t>& addresses,
                     Known* known) {
  ResolveOptions options{.debug_folders = options_.debug_folders};
  auto answers = ResolveIsolated(module, addresses, options, options_.bounds);
  if (!answers) {
    problems_.push_back(module.path + ": " + answers.error().message());
    // Debug data may be what is damaged; the symbol tables are read by less code.
    options.with_dwarf = false;
    answers = ResolveIsolated(module, addresses, options, options_.bounds);
    known->is_unreadable = true;
    if (!answers) return;
    known->answers.by_address.merge(answers->by_address);
    return;
  }
  known->answers.made_from = answers->made_from;
  known->answers.by_address.merge(answers->by_address);
  if (options_.cache_folder.empty() || !IsBuildId(module.build_id)) return;
  std::error_code ignored;
  std::filesystem::create_directories(options_.cache_folder, ignored);
  // A cache that cannot be written costs time only.
  static_cast<void>(WriteAnswers(JoinPath(options_.cache_folder, module.build_id), known->answers));
}

Result<void> Symbolizer::Pack(const Module& module, const std::string& folder) const {
  if (!IsBuildId(module.build_id)) return Error::Of("{} has no build-id", module.path);
  const auto at = known_.find(module);
  if (at == known_.end()) return Error::Of("{} was not asked for", module.path);
  return WriteAnswers(JoinPath(folder, module.build_id), at->second.answers);
}

}  // namespace memwhy::symbols
