// SPDX-License-Identifier: Apache-2.0
#include "symbols/debug_search.h"

#include <elfutils/libdwelf.h>
#include <fmt/core.h>
#include <libelf.h>
#include <unistd.h>

#include <array>
#include <memory>

#include "base/strings.h"

namespace memwhy::symbols {
namespace {

constexpr std::size_t kMaxBuildId = 64;  // bytes; usual are 20

struct EndElf {
  void operator()(Elf* elf) const { elf_end(elf); }
};
using ElfPointer = std::unique_ptr<Elf, EndElf>;

ElfPointer Begin(int fd) {
  elf_version(EV_CURRENT);
  return ElfPointer(elf_begin(fd, ELF_C_READ_MMAP, nullptr));
}

// The checksum of debug links (CRC-32 as of zlib).
std::optional<std::uint32_t> ChecksumOf(int fd) {
  static const std::array<std::uint32_t, 256> kTable = [] {
    std::array<std::uint32_t, 256> table{};
    for (std::uint32_t i = 0; i < 256; ++i) {
      std::uint32_t value = i;
      for (int bit = 0; bit < 8; ++bit) value = value >> 1 ^ (value & 1 ? 0xedb88320u : 0u);
      table[i] = value;
    }
    return table;
  }();
  std::vector<unsigned char> bytes(1 << 16);
  std::uint32_t sum = ~0u;
  for (off_t at = 0;;) {
    const ssize_t count = pread(fd, bytes.data(), bytes.size(), at);
    if (count < 0) return std::nullopt;
    if (count == 0) return ~sum;
    for (ssize_t i = 0; i < count; ++i) sum = kTable[(sum ^ bytes[i]) & 0xff] ^ sum >> 8;
    at += count;
  }
}

std::optional<FoundFile> Open(const std::string& path) {
  auto file = OpenRegular(path, "a debug file");
  if (!file) return std::nullopt;
  return FoundFile{path, *std::move(file)};
}

std::string BuildIdPath(const std::string& folder, const std::string& id, const char* ending) {
  return fmt::format("{}/.build-id/{}/{}{}", folder, id.substr(0, 2), id.substr(2), ending);
}

std::string Folder(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, slash);
}

}  // namespace

bool IsBuildId(std::string_view text) {
  return text.size() > 2 && text.size() <= 2 * kMaxBuildId &&
         text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

std::string BuildIdOf(int fd) {
  const ElfPointer elf = Begin(fd);
  const void* bytes = nullptr;
  const ssize_t size = elf ? dwelf_elf_gnu_build_id(elf.get(), &bytes) : -1;
  std::string id;
  if (size <= 0 || static_cast<std::size_t>(size) > kMaxBuildId) return id;
  for (ssize_t i = 0; i < size; ++i) {
    id += fmt::format("{:02x}", static_cast<const unsigned char*>(bytes)[i]);
  }
  return id;
}

DebugLink DebugLinkOf(int fd) {
  const ElfPointer elf = Begin(fd);
  GElf_Word checksum = 0;
  const char* name = elf ? dwelf_elf_gnu_debuglink(elf.get(), &checksum) : nullptr;
  if (name == nullptr || Contains(name, "/")) return {};
  return {name, checksum};
}

Result<FoundFile> DebugSearch::Module(const std::string& path, const std::string& build_id) const {
  auto file = OpenRegular(path, "a module");
  const std::string found = file ? BuildIdOf(file->fd.get()) : "";
  if (file && (build_id.empty() || found == build_id)) return FoundFile{path, *std::move(file)};
  if (IsBuildId(build_id)) {
    for (const std::string& folder : folders_) {
      auto other = Open(BuildIdPath(folder, build_id, ""));
      if (other && BuildIdOf(other->file.fd.get()) == build_id) return *std::move(other);
    }
  }
  if (!file) return file.error();
  return Error::Of("{} has been replaced: its build-id is {}, recorded was {}", path,
                   found.empty() ? "missing" : found, build_id);
}

std::optional<FoundFile> DebugSearch::DebugFile(const std::string& path,
                                                const std::string& build_id,
                                                const std::string& link,
                                                std::uint32_t checksum) const {
  if (IsBuildId(build_id)) {
    for (const std::string& folder : folders_) {
      auto found = Open(BuildIdPath(folder, build_id, ".debug"));
      if (found && BuildIdOf(found->file.fd.get()) == build_id) return found;
    }
  }
  if (link.empty()) return std::nullopt;
  const std::string beside = Folder(path);
  std::vector<std::string> places = {JoinPath(beside, link),
                                     JoinPath(JoinPath(beside, ".debug"), link)};
  for (const std::string& folder : folders_) places.push_back(folder + JoinPath(beside, link));
  for (const std::string& place : places) {
    auto found = place == path ? std::nullopt : Open(place);
    if (!found) continue;
    const std::string id = BuildIdOf(found->file.fd.get());
    if (!id.empty() && !build_id.empty() ? id == build_id
                                         : ChecksumOf(found->file.fd.get()) == checksum) {
      return found;
    }
  }
  return std::nullopt;
}

}  // namespace memwhy::symbols
